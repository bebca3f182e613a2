/**
 * Rewrites a layer from one dialect into the other. The layer is read twice: the first pass checks all of it.
 * Only if everything can be stored, the second pass writes the new layer, under a temporary name. It gets its
 * final name when it is complete.
 */
import { Worker } from 'node:worker_threads';
import { Errno, errnoName, FsError } from '../../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { Destination } from '../destination/destination.js';
import { StagedDirectory } from '../destination/staged-directory.js';
import { Progress } from '../layers/progress.js';
import type { LayerCounts, Obstacle, ScanReport } from '../layers/scan-layer.js';
import { identityOfOpen } from '../object-identity.js';
import { quoted, StoreError } from '../store-error.js';
import type { ConversionRequest } from './conversion-request.js';
import type { Loaded, Pass, PassData, PassResult } from './convert-thread.js';

/** The caller's view of a conversion: its progress, and a way to interrupt it. */
interface ConversionWatch {
  /** Called when a pass begins. The progress is in shared memory, and can be read at any time. */
  begin(pass: 'scan' | 'write', progress: Progress, counts: LayerCounts | null): void;
  /** When it is aborted, the conversion ends and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** The result of a conversion that did not fail. */
export type ConversionResult =
  | { readonly kind: 'converted'; readonly counts: LayerCounts }
  /** Nothing was written. */
  | { readonly kind: 'obstructed'; readonly obstacles: readonly Obstacle[]; readonly obstacleCount: number };

/**
 * Converts a layer.
 * @throws StoreError; nothing is left behind then, unless the error names it
 */
export async function convert(request: ConversionRequest, watch: ConversionWatch): Promise<ConversionResult> {
  const destination = openDestination(request);
  try {
    const layerIdentity = checkSeparate(request, destination);
    const { report } = await perform(request, { kind: 'scan' }, 'scanned', watch, null);
    if (report.obstacleCount > 0) return { kind: 'obstructed', ...report };
    await write(request, destination, layerIdentity, watch, report);
    return { kind: 'converted', counts: report.counts };
  } catch (error) {
    throw asStoreError(error, request);
  } finally {
    destination.close();
  }
}

function openDestination(request: ConversionRequest): Destination {
  try {
    return Destination.open(request.destination);
  } catch (error) {
    throw asStoreError(error, request);
  }
}

/** Writes the new layer under its temporary name, and gives it its final name. */
async function write(
  request: ConversionRequest,
  destination: Destination,
  layerIdentity: string,
  watch: ConversionWatch,
  { counts }: ScanReport,
): Promise<void> {
  const staged = StagedDirectory.create(destination, layerIdentity);
  try {
    await perform(request, { kind: 'write', fd: staged.fd }, 'written', watch, counts);
    staged.publish({ durable: !request.volatile });
  } catch (error) {
    throw afterAbandoning(staged, destination, asStoreError(error, request));
  }
}

/**
 * Removes the staged files. Returns the error that ended the conversion, with a note if files could not be
 * removed.
 */
function afterAbandoning(staged: StagedDirectory, { stagingPath }: Destination, error: unknown): unknown {
  try {
    staged.abandon();
    return error;
  } catch (cleanupError) {
    if (!(error instanceof StoreError) || !(cleanupError instanceof FsError)) throw error;
    const { path = '' } = cleanupError;
    const at = path === '' ? stagingPath : `${stagingPath}/${path}`;
    const advice = `${quoted(at)} was left behind (${errnoName(cleanupError.errno)}: ${cleanupError.reason})`;
    return new StoreError({ ...error.problem, advice });
  }
}

/**
 * Makes a StoreError of a system call that failed outside of the passes: such calls concern the destination.
 */
function asStoreError(error: unknown, { destination }: ConversionRequest): unknown {
  if (!(error instanceof FsError)) return error;
  return new StoreError({ what: `convert: ${error.reason}`, where: error.path ?? destination, errno: error.errno });
}

/** Runs one pass in a thread, and resolves with its result. Throws if it failed. */
async function perform<K extends 'scanned' | 'written'>(
  request: ConversionRequest,
  pass: Pass,
  expected: K,
  watch: ConversionWatch,
  counts: LayerCounts | null,
): Promise<Extract<PassResult, { kind: K }>> {
  const progress = new Progress();
  watch.begin(pass.kind, progress, counts);
  const result = await inThread({ request, pass, progress: progress.memory }, watch.signal);
  if (result.kind === expected) return result as Extract<PassResult, { kind: K }>;
  throw failure(request, result);
}

/** Errnos that only a write can cause, so the destination is meant, and not the layer. */
const OF_DESTINATION = new Set<number>([Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS]);

/** The error of a pass that failed. */
function failure({ source, destination }: ConversionRequest, result: PassResult): StoreError {
  if (result.kind !== 'failed') throw new Error(`unexpected ${result.kind}`);
  const { path, errno, reason } = result;
  // Paths are relative to the layer's root, except that of a layer that cannot be opened.
  const inLayer = path === undefined || path === source ? source : `${source}/${path}`;
  const where = path === undefined || OF_DESTINATION.has(errno) ? destination : inLayer;
  return new StoreError({ what: `convert: ${reason}`, where, errno });
}

/** Starts a thread for one pass, and resolves with its result. Rejects if the conversion is interrupted. */
function inThread(data: PassData, signal: AbortSignal): Promise<PassResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./convert-thread.js', import.meta.url), { workerData: data });
    let result: PassResult | undefined;
    let hasLoaded = false;
    // Ends the thread between two system calls. The process closes its files when it exits. A thread that
    // still loads its modules must not be terminated (sys/process/loaded-flag.ts).
    const stop = (): void => {
      if (hasLoaded) void worker.terminate();
    };
    signal.addEventListener('abort', stop, { once: true });
    worker.on('message', (message: PassResult | Loaded) => {
      if (message.kind === 'loaded') {
        hasLoaded = true;
        if (signal.aborted) stop();
      } else result = message;
    });
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      if (result !== undefined && !signal.aborted) resolve(result);
      else reject(interrupted());
    });
  });
}

/** The error of a conversion that the user has interrupted. */
function interrupted(): StoreError {
  return new StoreError({ what: 'convert', why: 'interrupted', errno: Errno.EINTR, advice: 'nothing was left behind' });
}

/**
 * Refuses a new layer that is the old one, or is inside it. Also refuses an old layer in the staging
 * directory that would be removed as the remains of another conversion.
 * @returns the identity of the old layer
 */
function checkSeparate({ source, destination: where }: ConversionRequest, destination: Destination): string {
  const layer = openLayer(source);
  let identity: string;
  try {
    identity = identityOfOpen(layer);
  } finally {
    close(layer);
  }
  const relation = destination.relationTo(identity);
  if (relation !== null) {
    const why = relation === 'inside' ? 'is inside SRC' : 'is SRC itself';
    throw new StoreError({ what: 'DST', where, why, errno: Errno.EINVAL });
  }
  if (destination.wouldRemove(openLayer(source))) {
    const why = `is ${quoted(destination.stagingPath)} or inside it, where the new layer would be written`;
    throw new StoreError({ what: 'SRC', where: source, why, errno: Errno.EINVAL, advice: 'choose another DST' });
  }
  return identity;
}

function openLayer(path: string): number {
  try {
    return openTrusted(path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (error instanceof FsError) throw new StoreError({ what: 'SRC', where: path, errno: error.errno });
    throw error;
  }
}
