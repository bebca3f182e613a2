/** Directories as Docker's storage drivers keep them, made by code. */
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `overlay2`: content in ID/diff, the layers below in ID/lower by short names, which are symlinks in l/. */
export class Overlay2Store {
  private readonly shorts = new Map<string, string>();

  constructor(readonly directory: string) {
    mkdirSync(join(directory, 'l'), { recursive: true });
  }

  /** @param lowers ids, nearest first */
  layer(id: string, lowers: readonly string[] = []): string {
    const diff = join(this.directory, id, 'diff');
    mkdirSync(diff, { recursive: true });
    const short = `SHORTNAME${String(this.shorts.size).padStart(17, 'A')}`;
    this.shorts.set(id, short);
    symlinkSync(`../${id}/diff`, join(this.directory, 'l', short));
    writeFileSync(join(this.directory, id, 'link'), short);
    if (lowers.length > 0) writeFileSync(join(this.directory, id, 'lower'), this.lowerText(lowers));
    return diff;
  }

  lowerText(lowers: readonly string[]): string {
    return lowers.map((id) => `l/${this.shorts.get(id) ?? id}`).join(':');
  }
}

/** `aufs`: content in diff/ID, the layers below in layers/ID. */
export class AufsStore {
  constructor(readonly directory: string) {
    for (const name of ['layers', 'diff', 'mnt']) mkdirSync(join(directory, name), { recursive: true });
  }

  /** @param lowers ids, nearest first */
  layer(id: string, lowers: readonly string[] = []): string {
    const diff = join(this.directory, 'diff', id);
    mkdirSync(diff);
    writeFileSync(join(this.directory, 'layers', id), '');
    for (const lower of lowers) appendFileSync(join(this.directory, 'layers', id), `${lower}\n`);
    return diff;
  }
}

/** An id as long as Docker's, with a given beginning. */
export function idOf(start: string): string {
  return start.padEnd(64, '0');
}
