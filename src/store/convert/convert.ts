/**
 * Rewrites a layer from one dialect into the other. The layer is read twice: first all of it is checked, and
 * only what can be stored as a whole is written, to a place of its own, and gets its name in the end.
 */
import { Worker } from 'node:worker_threads';
import { Errno, errnoName, FsError } from '../../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { Destination } from '../destination/destination.js';
import { StagedDirectory } from '../destination/staging.js';
import { identityOfOpen } from '../identity.js';
import { Progress } from '../layers/progress.js';
import type { LayerCounts, Obstacle, ScanReport } from '../layers/scan-layer.js';
import { quoted, StoreError } from '../store-error.js';
import type { ConversionRequest } from './conversion-request.js';
import type { Loaded, Pass, PassData, PassResult } from './convert-thread.js';

export interface ConversionWatch {
  /** Called when a pass begins; its progress is shared memory, to be looked at at any time. */
  begin(pass: 'scan' | 'write', progress: Progress, counts: LayerCounts | null): void;
  /** When it aborts, the conversion ends, and nothing is left of it. */
  readonly signal: AbortSignal;
}

export type ConversionResult =
  | { readonly kind: 'converted'; readonly counts: LayerCounts }
  /** Nothing was written. */
  | { readonly kind: 'obstructed'; readonly obstacles: readonly Obstacle[]; readonly obstacleCount: number };

/** @throws StoreError; then nothing is left of the conversion */
export async function convert(request: ConversionRequest, watch: ConversionWatch): Promise<ConversionResult> {
  const destination = openDestination(request);
  try {
    const layer = checkApart(request, destination);
    const { report } = await perform(request, { kind: 'scan' }, 'scanned', watch, null);
    if (report.obstacleCount > 0) return { kind: 'obstructed', ...report };
    await write(request, destination, layer, watch, report);
    return { kind: 'converted', counts: report.counts };
  } catch (error) {
    throw located(error, request);
  } finally {
    destination.close();
  }
}

function openDestination(request: ConversionRequest): Destination {
  try {
    return Destination.open(request.destination);
  } catch (error) {
    throw located(error, request);
  }
}

async function write(
  request: ConversionRequest,
  destination: Destination,
  layer: string,
  watch: ConversionWatch,
  { counts }: ScanReport,
): Promise<void> {
  const staged = StagedDirectory.create(destination, layer);
  try {
    await perform(request, { kind: 'write', fd: staged.fd }, 'written', watch, counts);
    staged.publish(!request.volatile);
  } catch (error) {
    throw abandoned(staged, destination, located(error, request));
  }
}

/** The error that ended the conversion, and what has become of its files if they could not be removed. */
function abandoned(staged: StagedDirectory, { stagingPath }: Destination, error: unknown): unknown {
  try {
    staged.abandon();
    return error;
  } catch (second) {
    if (!(error instanceof StoreError) || !(second instanceof FsError)) throw error;
    const at = second.path === undefined || second.path === '' ? stagingPath : `${stagingPath}/${second.path}`;
    const advice = `${quoted(at)} is left of it (${errnoName(second.errno)}: ${second.syscall})`;
    return new StoreError({ ...error.problem, advice });
  }
}

/** What fails outside the layer has to do with the place of the new one. */
function located(error: unknown, { destination }: ConversionRequest): unknown {
  if (!(error instanceof FsError)) return error;
  return new StoreError({ what: `convert: ${error.syscall}`, where: error.path ?? destination, errno: error.errno });
}

/** Runs one pass in a thread, and gives the result that is expected of it. */
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

/** What only the file system that is written to answers, whatever was being copied. */
const OF_DESTINATION = new Set<number>([Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS]);

function failure({ source, destination }: ConversionRequest, result: PassResult): StoreError {
  if (result.kind !== 'failed') throw new Error(`unexpected ${result.kind}`);
  const { path, errno, syscall } = result;
  // Paths are from the layer's root, but for the layer that cannot be opened.
  const inLayer = path === undefined || path === source ? source : `${source}/${path}`;
  const where = path === undefined || OF_DESTINATION.has(errno) ? destination : inLayer;
  return new StoreError({ what: `convert: ${syscall}`, where, errno });
}

function inThread(data: PassData, signal: AbortSignal): Promise<PassResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./convert-thread.js', import.meta.url), { workerData: data });
    let result: PassResult | undefined;
    let hasLoaded = false;
    // Ends the thread between two system calls; the process closes its files. Not while it loads: see
    // sys/process/loaded-flag.ts.
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

function interrupted(): StoreError {
  return new StoreError({ what: 'convert', why: 'interrupted', errno: Errno.EINTR, advice: 'nothing is left of it' });
}

/**
 * The new layer must not be in the old one, nor be the old one, nor may the old one be what would be removed
 * as the remains of another conversion.
 * @returns the identity of the old one
 */
function checkApart({ source, destination: where }: ConversionRequest, destination: Destination): string {
  const layer = openLayer(source);
  let identity: string;
  try {
    identity = identityOfOpen(layer);
  } finally {
    close(layer);
  }
  const relation = destination.relationTo(identity);
  if (relation !== null) {
    const why = relation === 'inside' ? 'lies inside SRC' : 'is SRC itself';
    throw new StoreError({ what: 'DST', where, why, errno: Errno.EINVAL });
  }
  if (destination.wouldRemove(openLayer(source))) {
    const why = `is, or lies in, ${quoted(destination.stagingPath)}, where the new layer would be written`;
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
