/**
 * The directory of the installed package. This file and the bundle (dist/cli, dist/program) are equally deep
 * below it, so this file cannot be in a room.
 */
export const PACKAGE_ROOT = new URL('../../', import.meta.url);
