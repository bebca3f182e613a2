/** `plyfs convert`. */
import { asMountError, errnoOf, MountError, printable } from '../../server/config/mount-error.js';
import type { PathRule } from '../../service/order/path-rule.js';
import type { ConversionRequest } from '../../store/convert/conversion-request.js';
import { type ConversionResult, convert } from '../../store/convert/convert.js';
import type { Progress } from '../../store/layers/progress.js';
import type { LayerCounts, Obstacle } from '../../store/layers/scan-layer.js';
import { StoreError } from '../../store/store-error.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { ProgressLine, readableSize } from '../output/progress-line.js';
import type { ConvertArguments } from '../syntax/convert-syntax.js';

/** How many obstacles are printed as messages. `--json` has more. */
const MAX_PRINTED = 100;
/** The signals that interrupt a conversion. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Converts a layer. Resolves with the exit status. */
export async function commandConvert({ json, ...request }: ConvertArguments, paths: PathRule): Promise<number> {
  // Without a umask, mkdir(2) and open(2) make the copies with exactly the modes that they are given. A mount
  // uses ownUmask for this, but that needs unshare(2), which many containers refuse.
  process.umask(0);
  const line = new ProgressLine();
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    paths.check({ SRC: request.source, DST: request.destination });
    const begin = (pass: 'scan' | 'write', progress: Progress, counts: LayerCounts | null): void =>
      line.show(() => describe(pass, progress, counts));
    const result = await convert(request, { begin, signal: interrupt.signal });
    line.end();
    return await report(request, result, { json });
  } catch (error) {
    line.end();
    const refusal = asRefusal(error);
    printMessage(refusal.message);
    if (json && !(error instanceof OutputError)) await printRefusal(refusal);
    return FAILURE;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** Writing the JSON answer to stdout failed; printing an error there would fail as well. */
class OutputError extends MountError {}

/** Prints the answer of `--json` when nothing was converted. Reports a failed write to stdout on stderr. */
export async function printRefusal({
  message,
  code,
}: {
  readonly message: string;
  readonly code?: string | undefined;
}): Promise<void> {
  try {
    await printJson({ converted: false, error: message, ...(code === undefined ? {} : { code }) });
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    printMessage(error.message);
  }
}

/** The message for an expected error. Any other error is a bug and is thrown. */
function asRefusal(error: unknown): MountError {
  if (error instanceof StoreError) return MountError.of(error.problem);
  if (error instanceof MountError || errnoOf(error) !== undefined) return asMountError(error, 'convert');
  throw error;
}

/** The text of the progress line. */
function describe(pass: 'scan' | 'write', { objects, bytes }: Progress, counts: LayerCounts | null): string {
  if (pass === 'scan' || counts === null) return `checking: ${objects} objects`;
  return `converting: ${objects} of ${total(counts)} objects, ${readableSize(bytes)} of ${readableSize(counts.bytes)}`;
}

/** The number of all objects and whiteouts. */
function total({ directories, files, symlinks, special, hardLinks, whiteouts }: LayerCounts): number {
  return directories + files + symlinks + special + hardLinks + whiteouts;
}

/** Prints the result of a conversion. Returns the exit status. */
async function report(
  request: ConversionRequest,
  result: ConversionResult,
  { json }: { json: boolean },
): Promise<number> {
  if (result.kind === 'converted') {
    if (json) await printJson({ converted: true, ...result.counts });
    else if (process.stderr.isTTY)
      printMessage(`${total(result.counts)} objects, ${readableSize(result.counts.bytes)}`);
    return OK;
  }
  const { obstacles, obstacleCount } = result;
  if (json) await printJson({ converted: false, obstacleCount, obstacles: obstacles.map(printableObstacle) });
  for (const { path, why } of obstacles.slice(0, MAX_PRINTED)) {
    printMessage(
      MountError.of({ what: 'convert', where: path === '' ? request.source : `${request.source}/${path}`, why })
        .message,
    );
  }
  const more = obstacleCount > MAX_PRINTED ? `, of which the first ${MAX_PRINTED} are shown` : '';
  const are = obstacleCount === 1 ? '1 object' : `${obstacleCount} objects`;
  printMessage(`convert: nothing was written: ${are} cannot be stored in ${request.to} form${more}`);
  return FAILURE;
}

/** An obstacle whose path is text, for JSON. */
function printableObstacle({ path, why }: Obstacle): Obstacle {
  return { path: printable(path), why };
}

/** Resolves when everything is written, because the process exits next. Throws {@link OutputError}. */
async function printJson(value: unknown): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      process.stdout.once('error', reject);
      process.stdout.write(`${JSON.stringify(value)}\n`, (error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new OutputError(MountError.of({ what: 'stdout', errno }).message, errno);
  }
}
