/**
 * Rewrites a layer from one dialect into the other. The layer is read twice: first all of it is checked, and only what
 * can be stored as a whole is written, to a place of its own, and gets its name in the end.
 */
import { Worker } from 'node:worker_threads';
import { Errno, FsError } from '../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../core/flags.js';
import { close, openTrusted } from '../sys/open.js';
import type { ConversionRequest } from './conversion-request.js';
import type { Pass, PassData, PassResult } from './convert-thread.js';
import { identityOfOpen } from './identity.js';
import { Progress } from './progress.js';
import type { LayerCounts, Obstacle, ScanReport } from './scan-layer.js';
import { Destination, StagedDirectory } from './staging.js';
import { StoreError } from './store-error.js';

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
  const destination = Destination.open(request.destination);
  try {
    checkApart(request, destination);
    const { report } = await perform(request, { kind: 'scan' }, 'scanned', watch, null);
    if (report.obstacleCount > 0) return { kind: 'obstructed', ...report };
    await write(request, destination, watch, report);
    return { kind: 'converted', counts: report.counts };
  } finally {
    destination.close();
  }
}

async function write(
  request: ConversionRequest,
  destination: Destination,
  watch: ConversionWatch,
  { counts }: ScanReport,
): Promise<void> {
  const staged = StagedDirectory.create(destination);
  try {
    await perform(request, { kind: 'write', fd: staged.fd }, 'written', watch, counts);
    staged.publish(!request.volatile);
  } catch (error) {
    staged.abandon();
    throw error;
  }
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

function failure({ source, destination }: ConversionRequest, result: PassResult): StoreError {
  if (result.kind !== 'failed') throw new Error(`unexpected ${result.kind}`);
  const { path, errno, syscall } = result;
  // Paths are from the layer's root, but for the layer that cannot be opened.
  const where = path === undefined ? destination : path === source ? source : `${source}/${path}`;
  return new StoreError({ what: `convert: ${syscall}`, where, errno });
}

function inThread(data: PassData, signal: AbortSignal): Promise<PassResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./convert-thread.js', import.meta.url), { workerData: data });
    // Ends between two system calls; its open files end with the process.
    const stop = (): void => {
      void worker.terminate();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let result: PassResult | undefined;
    worker.once('message', (message: PassResult) => {
      result = message;
    });
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      if (result !== undefined && !signal.aborted) resolve(result);
      else reject(new StoreError({ what: 'convert', why: 'interrupted; nothing is left of it', errno: Errno.EINTR }));
    });
  });
}

/** The new layer must not be in the old one, nor be the old one. */
function checkApart({ source, destination: where }: ConversionRequest, destination: Destination): void {
  const relation = destination.relationTo(identityOfLayer(source));
  if (relation === null) return;
  const why = relation === 'inside' ? 'lies inside SRC' : 'is SRC itself';
  throw new StoreError({ what: 'DST', where, why, errno: Errno.EINVAL });
}

function identityOfLayer(path: string): string {
  let fd: number;
  try {
    fd = openTrusted(path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (error instanceof FsError) throw new StoreError({ what: 'SRC', where: path, errno: error.errno });
    throw error;
  }
  try {
    return identityOfOpen(fd);
  } finally {
    close(fd);
  }
}
