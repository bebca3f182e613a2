/**
 * The table of docs/conformance.md: the documented errnos of each system call, and the placements in which
 * cases provoke them.
 */
import { PLACEMENTS } from '../case.js';
import type { CallRecord } from './call-record.js';
import { DOCUMENTED } from './documented-errnos.js';
import { NOT_PROVOKED, reasonFor } from './not-provoked.js';

const HEAD = `# Conformance: system calls, errnos, placements

Generated from the errnos that the conformance cases (\`test/conformance\`) provoke.
\`npm run conformance -- -u\` writes this file. \`npm run conformance\` and \`scripts/test --long\` fail if the
file is out of date; \`scripts/test\` fails if a \`●\` is. Every case asserts the same errno on a plain directory,
the kernel's overlayfs, and plyfs in both dialects and over both transports.

- Rows: each errno that man-pages 6.03 documents for the call.
- \`●\`: a case provokes it on plyfs with its object in that placement: in the upper, in a lower layer, in both,
  in the lowest of three, above a whiteout, in an opaque directory. \`○\`: only on another target. Empty: no
  case provokes it.
- Last column: the reason if a placement has no \`●\`. If it has neither a \`●\` nor a reason, the test fails. It
  also fails if a reason is not needed.
`;

/** One documented errno of one call. */
interface Row {
  readonly operation: string;
  readonly errno: string;
  /** One mark per placement. */
  readonly marks: readonly string[];
  readonly notOn: readonly string[];
  readonly why: string | null;
}

/** The target whose calls are marked with `●`. */
export const MAIN = 'plyfs';

/**
 * Returns a row for each documented errno of each call.
 * @param targets the names of all targets that ran
 */
export function errnoRows(record: CallRecord, targets: readonly string[]): Row[] {
  return Object.entries(DOCUMENTED).flatMap(([operation, errnos]) =>
    [...new Set(errnos.split(' '))].sort().map((errno): Row => {
      const marks = PLACEMENTS.map((placement) => {
        const seen = record.where(operation, errno, placement);
        if (seen.has(MAIN)) return '●';
        return seen.size > 0 ? '○' : '';
      });
      const everywhere = record.where(operation, errno);
      const notOn = everywhere.size === 0 ? [] : targets.filter((target) => !everywhere.has(target));
      const hole = marks.some((mark) => mark !== '●');
      return { operation, errno, marks, notOn, why: hole ? reasonFor(operation, errno) : null };
    }),
  );
}

/** Returns empty placements without a reason, as `operation errno`. */
export function unexplained(rows: readonly Row[]): string[] {
  return rows
    .filter(({ marks, why }) => why === null && marks.some((mark) => mark !== '●'))
    .map(({ operation, errno, marks }) => `${operation} ${errno} [${marks.map((mark) => mark || '.').join('')}]`);
}

/** Returns reasons that are not needed, because a case provokes the errno in every placement. */
export function spareReasons(rows: readonly Row[]): string[] {
  const holes = new Set(rows.filter(({ why }) => why !== null).map(({ operation, errno }) => `${operation} ${errno}`));
  return NOT_PROVOKED.flatMap(({ pairs }) => pairs.filter((pair) => !pair.includes('*') && !holes.has(pair)));
}

/** Returns the placements in which {@link MAIN} returned each errno, as `operation errno [●...●.]`. */
export function marksOf(rows: readonly Pick<Row, 'operation' | 'errno' | 'marks'>[]): string[] {
  return rows.map(({ operation, errno, marks }) => {
    const shown = marks.map((mark) => (mark === '●' ? mark : '.'));
    return `${operation} ${errno} [${shown.join('')}]`;
  });
}

/** Returns the same of a page that {@link errnoTable} has made. */
export function marksInPage(page: string): string[] {
  let operation = '';
  const rows = [...page.matchAll(/^\| (?:`([^`]+)`)? ?\| (E\w+) \| (.*) \|$/gm)].map(
    ([, named, errno = '', rest = '']) => {
      operation = named ?? operation;
      return { operation, errno, marks: rest.split('|', PLACEMENTS.length).map((cell) => cell.trim()) };
    },
  );
  return marksOf(rows);
}

/** Returns errnos that cases provoke and the manual does not document, as `operation: errno errno`. */
function beyond(record: CallRecord): string[] {
  const extra = new Map<string, string[]>();
  for (const [operation, errno] of record.pairs()) {
    if (DOCUMENTED[operation]?.split(' ').includes(errno)) continue;
    extra.set(operation, [...(extra.get(operation) ?? []), errno].sort());
  }
  return [...extra].sort().map(([operation, errnos]) => `- \`${operation}\`: ${errnos.join(', ')}`);
}

export function errnoTable(record: CallRecord, targets: readonly string[]): string {
  const rows = errnoRows(record, targets);
  const cells = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const covered = rows.filter(({ marks }) => marks.some((mark) => mark !== '')).length;
  const lines = rows.map(({ operation, errno, marks, notOn, why }, i) => {
    const first = rows[i - 1]?.operation === operation ? '' : `\`${operation}\``;
    const rest = [why, notOn.length === 0 ? null : `not on ${notOn.join(', ')}`].filter((text) => text !== null);
    return cells([first, errno, ...marks, rest.join('; ')]);
  });
  return [
    HEAD,
    `${rows.length} documented pairs: cases provoke ${covered}, and ${rows.length - covered} have a reason why none does.\n`,
    cells(['call', 'errno', ...PLACEMENTS, 'why not provoked']),
    cells(Array.from({ length: 9 }, () => '---')),
    ...lines,
    '\n## Beyond the manual\n',
    'Errnos that Linux returns on every target although they are not documented for the call:\n',
    ...beyond(record),
    '',
  ].join('\n');
}
