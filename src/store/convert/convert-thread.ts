/**
 * The thread that does one pass of a conversion, synchronously. The main thread handles signals and shows the
 * progress meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { FsError } from '../../core/errno.js';
import { close } from '../../sys/files/open.js';
import { openLayerRoot } from '../layers/open-untouched.js';
import { Progress } from '../layers/progress.js';
import { type ScanReport, scanLayer } from '../layers/scan-layer.js';
import { writeLayer } from '../layers/write-layer.js';
import { type ConversionRequest, sourceOf, targetOf } from './conversion-request.js';

/** One pass over the layer: the check of all objects, or the copy to the directory `fd`. */
export type Pass = { readonly kind: 'scan' } | { readonly kind: 'write'; readonly fd: number };

/** The data with which the thread is started. */
export interface PassData {
  readonly request: ConversionRequest;
  readonly pass: Pass;
  readonly progress: SharedArrayBuffer;
}

/** The last message of the thread. */
export type PassResult =
  | { readonly kind: 'scanned'; readonly report: ScanReport }
  | { readonly kind: 'written' }
  | { readonly kind: 'failed'; readonly errno: number; readonly reason: string; readonly path: string | undefined };

/** The first message: from now on it is safe to terminate the thread (sys/process/loaded-flag.ts). */
export type Loaded = { readonly kind: 'loaded' };

const { request, pass, progress } = workerData as PassData;
parentPort?.postMessage({ kind: 'loaded' } satisfies Loaded);
parentPort?.postMessage(perform() satisfies PassResult);

/**
 * Opens the layer and performs the pass. A failed system call is a result, because a message keeps no
 * class of errors.
 */
function perform(): PassResult {
  try {
    const root = openLayerRoot(request.source);
    try {
      return run(root);
    } finally {
      close(root);
    }
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return { kind: 'failed', errno: error.errno, reason: error.reason, path: error.path };
  }
}

/** Performs the pass over the layer that is open at `root`. */
function run(root: number): PassResult {
  const source = sourceOf(request);
  const target = targetOf(request);
  if (pass.kind === 'write') {
    const options = { sync: !request.volatile };
    writeLayer({ from: root, to: pass.fd, source, target, options, progress: new Progress(progress) });
    return { kind: 'written' };
  }
  const refuseMarksOfTarget = request.from === undefined;
  const report = scanLayer(
    root,
    source,
    target,
    { refuseMarksOfTarget, ordinaryUser: ordinaryUser() },
    new Progress(progress),
  );
  return { kind: 'scanned', report };
}

/**
 * The user who converts; null for root. Root in a user namespace can set all owners that the namespace maps;
 * for others chown(2) fails.
 */
function ordinaryUser(): { uid: number; groups: number[] } | null {
  const uid = process.geteuid?.() ?? 0;
  return uid === 0 ? null : { uid, groups: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])] };
}
