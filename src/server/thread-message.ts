/** What the serving thread tells the thread that started it; what it is told is one MountConfig. */
export type ThreadMessage =
  /** `controlFd`: an eventfd; readable means stop. It is the receiver's to close, when the thread has ended. */
  | { readonly kind: 'mounted'; readonly deviceFd: number; readonly controlFd: number }
  /** The kernel has its answer to INIT: the mount can be used. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'refused'; readonly message: string; readonly errno: number | undefined }
  /** The device fd is closed. */
  | { readonly kind: 'released' };
