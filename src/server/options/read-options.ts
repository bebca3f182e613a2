/** Reads the options of `-o` into the values that they ask for. */
import { Errno } from '../../core/errno.js';
import { MountError, printable } from '../config/mount-error.js';
import type { Flag, OptionEntry, OptionValues, Unsupported, Valued } from './kinds/option-entry.js';
import type { GivenOption } from './kinds/option-list.js';
import { invalid } from './kinds/value-kinds.js';
import { type OptionWord, optionWords } from './option-words.js';
import { setProperty } from './resolve-mount.js';

/**
 * The rules that the command line follows. `plyfs` refuses options that contradict each other.
 * `fuse-overlayfs` ignores a wrong value of an option of the kernel's overlayfs that the program
 * fuse-overlayfs ignores: container engines append such options to those of their user. In this form, if an
 * option has several values, the last one holds. If two options contradict each other, the one that promises
 * less holds.
 */
export type CommandLineForm = 'plyfs' | 'fuse-overlayfs';

/** Options that were given and have no effect. */
export interface IgnoredOptions {
  /** As given, each once. They are no error: container tools also pass options of other programs. */
  readonly unknown: readonly string[];
  /** For each known option that is ignored, the message why; only in the form `fuse-overlayfs`. */
  readonly refused: readonly string[];
  /** A line for each option that plyfs knows and does not support. */
  readonly unsupported: readonly string[];
}

/**
 * Reads options in their order.
 * @param values receives what they ask for
 * @throws {@link MountError} for a value that is wrong, and in the form `plyfs` for a contradiction
 */
export function readOptions(
  options: readonly GivenOption[],
  values: OptionValues,
  form: CommandLineForm = 'plyfs',
): IgnoredOptions {
  const reader = new OptionReader(values, form);
  for (const option of options) reader.read(option);
  reader.finish();
  // fuse-overlayfs does not know `rw`: if `ro` is given too, before or after it, the mount is read-only.
  if (form === 'fuse-overlayfs' && options.some(({ name, value }) => name === 'ro' && value === undefined)) {
    values.readOnly = true;
  }
  return { unknown: [...reader.unknown], refused: reader.refused, unsupported: reader.unsupported };
}

/** Reads the options of one mount, one after the other. */
class OptionReader {
  readonly unknown = new Set<string>();
  readonly refused: string[] = [];
  readonly unsupported: string[] = [];
  private readonly words: ReadonlyMap<string, OptionWord>;
  /** The text of each option that was given a value, by its first word. */
  private readonly texts = new Map<string, string>();

  constructor(
    private readonly values: OptionValues,
    private readonly form: CommandLineForm,
  ) {
    this.words = optionWords(values.dialect ?? 'overlay');
  }

  read(given: GivenOption): void {
    const option = this.values.dialect === 'aufs' ? splitAtColon(given, this.words) : given;
    const word = this.words.get(option.name);
    if (word === undefined) {
      this.unknown.add(asGiven(given));
      return;
    }
    try {
      this.apply(word, option, given);
    } catch (error) {
      const ignores = 'fuseOverlayfs' in word.entry && word.entry.fuseOverlayfs === 'ignores';
      if (this.form === 'plyfs' || !ignores || !isInvalid(error)) throw error;
      this.refused.push(error.message);
    }
  }

  /** Checks what can be known only when all options have been read. */
  finish(): void {
    this.refuseConflicts();
    if (this.form === 'plyfs') this.refuseFsyncBesideVolatile();
    else this.dropMetacopy();
  }

  /**
   * Reads an option that the table has.
   * @param given the option before {@link splitAtColon}
   */
  private apply({ entry, isOpposite }: OptionWord, { name, value }: GivenOption, given: GivenOption): void {
    switch (entry.kind) {
      case 'flag':
        if (this.isBare(name, value, given)) setFlag(this.values, entry, isOpposite);
        break;
      case 'value':
        this.readValue(entry, value);
        break;
      case 'accepted':
        if (entry.takes === 'nothing') this.isBare(name, value, given);
        else if (entry.takes !== undefined) entry.takes.parse(name, this.textOf(name, entry.takes.placeholder, value));
        break;
      case 'unsupported':
        if (entry.supported?.includes(value ?? '') !== true) this.unsupported.push(messageOf(entry, given));
        break;
    }
  }

  /** Whether the option has no value. In the form of fuse-overlayfs, a value makes the option unknown. */
  private isBare(name: string, value: string | undefined, given: GivenOption): boolean {
    if (value === undefined) return true;
    if (this.form === 'plyfs') throw invalid(name, undefined, `takes no value, and was given ${printable(value)}`);
    this.unknown.add(asGiven(given));
    return false;
  }

  private readValue(entry: Valued, value: string | undefined): void {
    const { word, takes, again } = entry;
    const text = this.textOf(word, takes.placeholder, value);
    const earlier = this.texts.get(word);
    if (this.form === 'plyfs' && earlier !== undefined && earlier !== text && again === undefined) {
      throw invalid(word, text, `given twice, first as ${printable(earlier)}`);
    }
    this.texts.set(word, text);
    setValue(this.values, entry, text);
  }

  private textOf(word: string, placeholder: string, value: string | undefined): string {
    if (value === undefined) throw invalid(word, undefined, `needs a value: ${word}=${placeholder}`);
    return value;
  }

  /** Refuses options that the table does not allow together. */
  private refuseConflicts(): void {
    for (const [word, text] of this.texts) {
      const other = conflictsOf(this.words.get(word)?.entry).find((name) => this.texts.has(name));
      if (other !== undefined) throw invalid(word, text, `contradicts ${other}`);
    }
  }

  /** In fuse-overlayfs's form this is no error: `volatile` holds, because it promises less. */
  private refuseFsyncBesideVolatile(): void {
    const { volatile, fsync } = this.values;
    if (volatile !== true || fsync === undefined || fsync === 'volatile') return;
    throw invalid('fsync', this.texts.get('fsync'), 'contradicts volatile');
  }

  /** Turns `metacopy=on` off if `resolveMount` would refuse it because of another option. */
  private dropMetacopy(): void {
    const { metacopy, userxattr, redirectDir = 'on' } = this.values;
    if (metacopy !== true || (userxattr !== true && redirectDir === 'on')) return;
    this.values.metacopy = false;
    const other = userxattr === true ? 'userxattr' : `redirect_dir=${redirectDir}`;
    this.refused.push(invalid('metacopy', 'on', `contradicts ${other}`).message);
  }
}

/** Gives the property of a flag the value of its word. */
function setFlag(values: OptionValues, flag: Flag, isOpposite: boolean): void {
  const { property, value, oppositeValue } = flag;
  if (!isOpposite) setProperty(values, property, value);
  else if (oppositeValue !== undefined) setProperty(values, property, oppositeValue);
  else if (values[property] === value) delete values[property];
}

/** Gives the property of an option the value that its text means. */
function setValue(values: OptionValues, { word, property, takes, again }: Valued, text: string): void {
  setProperty(values, property, takes.parse(word, text, again === 'adds' ? (values[property] as never) : undefined));
}

function conflictsOf(entry: OptionEntry | undefined): readonly string[] {
  return entry !== undefined && 'conflicts' in entry ? (entry.conflicts ?? []) : [];
}

/** The message about an option that plyfs does not support. */
function messageOf({ message }: Unsupported, given: GivenOption): string {
  return message ?? `option of aufs that plyfs does not support: ${printable(asGiven(given))}`;
}

/**
 * aufs has two spellings of the options about branches, `br:LIST` and `br=LIST`. LIST can have equals signs,
 * so the first form has been cut at a wrong place.
 */
function splitAtColon(given: GivenOption, words: ReadonlyMap<string, OptionWord>): GivenOption {
  const colon = given.name.indexOf(':');
  const name = given.name.slice(0, colon);
  return colon > 0 && takesColon(name, words.get(name)?.entry)
    ? { name, value: asGiven(given).slice(colon + 1) }
    : given;
}

/** Whether a colon can follow this word of the entry. An alias has only the form with `=`. */
function takesColon(name: string, entry: OptionEntry | undefined): boolean {
  if (entry?.kind === 'value') return entry.separator === ':' && entry.word === name;
  return entry?.kind === 'unsupported' && entry.separator === ':';
}

/** Whether the error is a refusal of a wrong value. */
function isInvalid(error: unknown): error is MountError {
  return error instanceof MountError && error.errno === Errno.EINVAL;
}

/** An option as it was given. */
export function asGiven({ name, value }: GivenOption): string {
  return value === undefined ? name : `${name}=${value}`;
}
