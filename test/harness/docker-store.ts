/** Directories in the form in which Docker's storage drivers keep layers, written without Docker. */
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A store of `overlay2`. ID/diff has the content of a layer. ID/lower lists the layers below it by short
 * names, which are symlinks in l/.
 */
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

/** A store of `aufs`. diff/ID has the content of a layer, and layers/ID lists the layers below it. */
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

/** Returns an id as long as Docker's that begins with `start`. */
export function idOf(start: string): string {
  return start.padEnd(64, '0');
}
