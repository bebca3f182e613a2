/** The exit statuses of the command line. */
export const OK = 0;
/** Refused or failed: nothing has been mounted or unmounted. */
export const FAILURE = 1;
/** The command line itself is wrong. */
export const USAGE = 2;
/** `plyfs run` has not started the command. Other statuses are the command's, as with chroot(1). */
export const RUN_FAILURE = 125;
