/** Messages between the supervisor and the server process of a service. */

/**
 * Fds of the server process: the FIFO of requests, the control socket. The channel of these messages is 3.
 */
export const REQUEST_FD = 4;
export const CONTROL_FD = 5;

/** A report about one mount, from the order until its end. */
export type MountReport =
  /** A mount will be made. */
  | {
      readonly kind: 'mounting';
      readonly id: number;
      /** Absolute, as bytes. */
      readonly mountpoint: string;
      /** The process that asks for it. */
      readonly pid: number;
      /** The caller's mount namespace, as its link in /proc shows it. */
      readonly mountNamespace: string;
      /** The id of the mount that is on the mountpoint already. */
      readonly covered: number | undefined;
    }
  /** It exists. The id is that of mountinfo. */
  | { readonly kind: 'mounted'; readonly id: number; readonly mountId: number }
  /** Its caller gets the answer that it exists. */
  | { readonly kind: 'answered'; readonly id: number }
  /** It does not exist any more. */
  | { readonly kind: 'gone'; readonly id: number };

/** A message of the server process. */
export type ServerReport =
  | MountReport
  /** It reads requests. */
  | { readonly kind: 'accepts' }
  | { readonly kind: 'log'; readonly line: string }
  /** It will end, because it was asked to, or has had no mount for long. It waits for `closed`. */
  | { readonly kind: 'ending' };

/** A message of the supervisor. */
export type SupervisorOrder =
  /** Unmount everything, and end. */
  | { readonly kind: 'stop' }
  /** No caller begins to ask any more: end. */
  | { readonly kind: 'closed' };
