/** Lists the entries of a tar file. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const BLOCK = 512;

/**
 * Returns a line for each entry: kind, mode, owners, size, target, attributes, hash of the content. Times are
 * as in {@link recent}.
 */
export function tarListing(archive: string | Buffer): string[] {
  const bytes = typeof archive === 'string' ? readFileSync(archive) : archive;
  const lines: string[] = [];
  let extended = new Map<string, string>();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = Number(extended.get('size') ?? numberAt(header, 124, 12));
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const kind = String.fromCharCode(header[156] ?? 0);
    if (kind === 'x') extended = paxRecords(content);
    else if (kind === 'L') longName = textAt(content, 0, content.length);
    else if (kind === 'K') longTarget = textAt(content, 0, content.length);
    else if (kind !== 'g') {
      lines.push(entryLine(header, content, { kind, extended, longName, longTarget }));
      extended = new Map();
      longName = undefined;
      longTarget = undefined;
    }
  }
  return lines.sort();
}

interface Extensions {
  readonly kind: string;
  readonly extended: ReadonlyMap<string, string>;
  readonly longName: string | undefined;
  readonly longTarget: string | undefined;
}

function entryLine(header: Buffer, content: Buffer, { kind, extended, longName, longTarget }: Extensions): string {
  const prefix = textAt(header, 257, 6) === 'ustar' ? textAt(header, 345, 155) : '';
  const name = extended.get('path') ?? longName ?? (prefix === '' ? '' : `${prefix}/`) + textAt(header, 0, 100);
  const target = extended.get('linkpath') ?? longTarget ?? textAt(header, 157, 100);
  const mode = numberAt(header, 100, 8).toString(8);
  const owners = ['uid', 'gid'].map((id, i) => extended.get(id) ?? numberAt(header, 108 + 8 * i, 8)).join(':');
  const device = ['3', '4'].includes(kind) ? `${numberAt(header, 329, 8)},${numberAt(header, 337, 8)}` : '';
  const time = Number(extended.get('mtime') ?? numberAt(header, 136, 12));
  const attributes = [...extended]
    .filter(([key]) => key.startsWith('SCHILY.xattr.'))
    .map(([key, value]) => `${key.slice(13)}=${Buffer.from(value, 'latin1').toString('hex')}`);
  const hash = content.length === 0 ? '' : createHash('sha256').update(content).digest('hex');
  return [
    name.replace(/\/$/, ''),
    kind,
    mode,
    owners,
    content.length,
    target,
    device,
    recent(time),
    ...attributes.sort(),
    hash,
  ]
    .join(' ')
    .trimEnd();
}

/** Returns a time that was set explicitly, or 'recent' for any later one. */
export function recent(seconds: number): string {
  return seconds < 1_300_000_000 ? String(seconds) : 'recent';
}

/** Parses records "LENGTH KEY=VALUE\n". A value can contain any bytes. */
function paxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    const record = bytes.toString('latin1', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function textAt(bytes: Buffer, offset: number, length: number): string {
  const text = bytes.toString('latin1', offset, offset + length);
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

/** Parses octal text, or base 256 if the high bit is set. */
function numberAt(bytes: Buffer, offset: number, length: number): number {
  if (((bytes[offset] ?? 0) & 0x80) !== 0) return bytes.readUIntBE(offset + length - 6, 6);
  return Number.parseInt(textAt(bytes, offset, length).trim() || '0', 8);
}
