/** The ids of this process: objects that it makes belong to them (man credentials(7)). */

export const ownUid = process.geteuid?.() ?? 0;
export const ownGid = process.getegid?.() ?? 0;
