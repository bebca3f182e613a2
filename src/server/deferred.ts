/** A promise with functions that resolve or reject it (Node 20 has no Promise.withResolvers). */
export interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Makes a promise that its owner resolves or rejects. */
export function deferred(): Deferred {
  let functions: Omit<Deferred, 'promise'> = { resolve: () => {}, reject: () => {} };
  const promise = new Promise<void>((resolve, reject) => {
    functions = { resolve, reject };
  });
  return { promise, ...functions };
}
