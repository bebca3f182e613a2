/** The text of `plyfs serve --status`. */
import { printable } from '../../server/config/mount-error.js';
import type { ServiceStatus } from '../../service/control/control-message.js';
import type { MountStatus } from '../../service/order/mount-order.js';
import { readableSize } from './progress-line.js';

const HEADINGS = ['MOUNTPOINT', 'THREAD', 'REQUESTS', 'NODES', 'MEMORY', 'OPTIONS'];
/** Headings of columns with numbers, which are aligned at the right. */
const RIGHT = new Set(['THREAD', 'REQUESTS', 'NODES', 'MEMORY']);
const GAP = '  ';
/** In place of a figure that the thread has not returned in time. */
const UNKNOWN = '?';

/**
 * The status as text.
 * @param isTable columns for a person; else plain lines, with tabs between the fields
 */
export function statusText(status: ServiceStatus, { isTable }: { readonly isTable: boolean }): string {
  const { supervisor, server, mounts } = status;
  const silent = server.threads.filter(({ state }) => state === 'silent').length;
  const answers = silent === 0 ? '' : ` (${silent} not answering)`;
  const head =
    `supervisor ${supervisor.pid}, server ${server.pid}: ${count(mounts.length, 'mount')}, ` +
    `${count(server.threads.length, 'thread')}${answers}, ${readableSize(server.rss)}\n`;
  const rows = mounts.map((mount) => fieldsOf(mount, isTable));
  if (!isTable) return head + rows.map((row) => `${row.join('\t')}\n`).join('');
  return mounts.length === 0 ? head : `${head}\n${table([HEADINGS, ...rows])}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function fieldsOf({ mountpoint, thread, requests, nodes, memory, options }: MountStatus, isTable: boolean): string[] {
  const size = memory === null ? UNKNOWN : isTable ? readableSize(memory) : `${memory}`;
  const numbers = [`${thread}`, `${requests ?? UNKNOWN}`, `${nodes ?? UNKNOWN}`, size];
  return [printable(mountpoint), ...numbers, printable(options)];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return RIGHT.has(HEADINGS[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
      });
      return `${cells.join(GAP).trimEnd()}\n`;
    })
    .join('');
}
