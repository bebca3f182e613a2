/** The exit statuses of the command line. */
export const OK = 0;
/** Refused or failed; nothing is mounted (or unmounted) that was not before. */
export const FAILURE = 1;
/** The command line itself is wrong. */
export const USAGE = 2;
