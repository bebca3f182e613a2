/**
 * The kinds of values of options: how the text after `-o word=` is read, what the library accepts, and what
 * the help and the completion of a shell show.
 */
import { toBytesName } from '../../../core/entry-name.js';
import { Errno } from '../../../core/errno.js';
import { MountError } from '../../config/mount-error.js';
import { splitLayers, unescapePath } from './option-list.js';
import { type Check, NAME, numberBetween, oneOf, PATH, type Path, TEXT } from './property-checks.js';

/** Values of type T; the library takes them as L. */
export interface ValueKind<T, L = T> {
  /** The text that the help shows behind `=`. */
  readonly placeholder: string;
  /**
   * The values that a shell completes: one of these words, or a path. `unescaped-directory` has no escapes.
   */
  readonly completes?: readonly string[] | 'directory' | 'unescaped-directory' | 'directories' | 'file';
  /**
   * @param before the value of an earlier option
   * @throws {@link MountError} for a wrong text
   */
  parse(word: string, text: string, before?: T): T;
  readonly check: Check<L>;
  /** Converts the value that a program has given to the library. */
  fromLibrary(given: L): T;
}

/** The refusal of an option, or of its value. */
export function invalid(word: string, value: string | undefined, why: string): MountError {
  return MountError.of({
    what: word,
    ...(value === undefined ? {} : { where: value }),
    why,
    errno: Errno.EINVAL,
    advice: 'see plyfs mount --help',
  });
}

type Choice = string | boolean;

/**
 * A choice of a few words.
 * @param words the words and their values; the library accepts the values
 * @param refused words that are refused, with the reason of each
 */
export function choice<T extends Choice>(
  words: Readonly<Record<string, T>>,
  refused: Readonly<Record<string, string>> = {},
): ValueKind<T> {
  const names = Object.keys(words);
  return {
    placeholder: names.join('|'),
    completes: names,
    parse(word, text) {
      const why = Object.hasOwn(refused, text) ? refused[text] : undefined;
      if (why !== undefined) throw invalid(word, text, why);
      const chosen = Object.entries(words).find(([name]) => name === text);
      if (chosen === undefined) throw invalid(word, text, `must be ${oneOf(names).mustBe}`);
      return chosen[1];
    },
    check: oneOf([...new Set(Object.values(words))]),
    fromLibrary: (given) => given,
  };
}

/** The words `on` and `off`. */
export const ON_OFF = choice({ on: true, off: false });

/** The numbers that an option takes, both limits included. */
interface NumberLimits {
  readonly placeholder: string;
  readonly min?: number;
  readonly max: number;
  readonly whole?: boolean;
}

/** A number within limits. */
export function number({ placeholder, min = 0, max, whole = false }: NumberLimits): ValueKind<number> {
  const check = numberBetween(min, max, { whole });
  const written = whole ? /^\d+$/ : /^\d+(\.\d+)?$/;
  return {
    placeholder,
    parse(word, text) {
      if (!written.test(text) || !check.holds(Number(text))) throw invalid(word, text, `must be ${check.mustBe}`);
      return Number(text);
    },
    check,
    fromLibrary: (given) => given,
  };
}

/** Text that plyfs shows and does not interpret. */
export function text(placeholder: string): ValueKind<string> {
  return {
    placeholder,
    parse: (_, given) => unescapePath(given),
    check: TEXT,
    fromLibrary: toBytesName,
  };
}

/** Text as {@link text}, but not empty. */
export function name(placeholder: string): ValueKind<string> {
  return {
    ...text(placeholder),
    parse(word, given) {
      if (given === '') throw invalid(word, undefined, 'empty');
      return unescapePath(given);
    },
    check: NAME,
  };
}

/**
 * The branches of an aufs union. `branchesFrom` parses the text later, because the result depends on other
 * options.
 */
export const BRANCHES: ValueKind<string> = {
  placeholder: 'DIR[=PERM][:DIR...]',
  completes: 'directories',
  parse: (_, given) => given,
  check: TEXT,
  fromLibrary: toBytesName,
};

/** A path, with the escapes of the kernel's overlayfs. */
export function path(placeholder: string, completes: 'directory' | 'file'): ValueKind<string, Path> {
  return {
    placeholder,
    completes,
    parse(word, given) {
      if (given === '') throw invalid(word, undefined, 'empty path');
      return unescapePath(given);
    },
    check: PATH,
    fromLibrary: bytesOfPath,
  };
}

/** The path as bytes. */
export function bytesOfPath(path: Path): string {
  return typeof path === 'string' ? toBytesName(path) : Buffer.from(path).toString('latin1');
}

/** The lower layers of a mount. */
export interface LayerList {
  /** Top first, the data-only ones at the end. */
  readonly layers: readonly string[];
  /** How many of `layers` are data-only. */
  readonly dataLayers: number;
}

const NO_LAYERS: LayerList = { layers: [], dataLayers: 0 };

/** The library takes layers as two lists, which `valuesOf` puts together. */
const layersOfLibrary = {
  check: PATH,
  fromLibrary: (given: Path): LayerList => ({ layers: [bytesOfPath(given)], dataLayers: 0 }),
};

/** The text of `lowerdir=`. */
export const LAYERS: ValueKind<LayerList, Path> = {
  placeholder: 'DIR[:DIR...]',
  completes: 'directories',
  parse: (_, given) => parseLayers(given),
  ...layersOfLibrary,
};

/** One more layer. Its path has no escapes, as with `lowerdir+` in the kernel. */
export const ONE_LAYER: ValueKind<LayerList, Path> = {
  placeholder: 'DIR',
  completes: 'unescaped-directory',
  parse(word, path, { layers, dataLayers } = NO_LAYERS) {
    if (path === '') throw invalid(word, undefined, 'empty path');
    if (dataLayers > 0) throw invalid(word, path, 'cannot follow a datadir+');
    return { layers: [...layers, path], dataLayers };
  },
  ...layersOfLibrary,
};

/** One more data-only layer. */
export const ONE_DATA_LAYER: ValueKind<LayerList, Path> = {
  placeholder: 'DIR',
  completes: 'unescaped-directory',
  parse(word, path, { layers, dataLayers } = NO_LAYERS) {
    if (path === '') throw invalid(word, undefined, 'empty path');
    if (layers.length === 0) throw invalid(word, path, 'needs a lowerdir+ before it');
    return { layers: [...layers, path], dataLayers: dataLayers + 1 };
  },
  ...layersOfLibrary,
};

/** The data-only layers of a dialect that has none: each is refused. */
export const NO_DATA_LAYER: ValueKind<LayerList, Path> = {
  ...ONE_DATA_LAYER,
  parse(word, path) {
    throw invalid(word, path, 'the aufs dialect has no data-only layers');
  },
};

/**
 * `A:B::DATA::DATA`: two colons precede each data-only layer
 * (fs/overlayfs/params.c:ovl_parse_param_lowerdir).
 */
export function parseLayers(list: string): LayerList {
  if (list === '') throw invalid('lowerdir', undefined, 'empty');
  const layers: string[] = [];
  let dataLayers = 0;
  let isData = false;
  const pieces = splitLayers(list);
  pieces.forEach((piece, i) => {
    const between = piece === '' && i > 0 && i + 1 < pieces.length;
    if (piece === '' && (!between || isData)) {
      throw invalid(
        'lowerdir',
        `'${list}'`,
        'a colon at the start or end, or a third one in a row, leaves an empty path',
      );
    }
    if (piece !== '' && dataLayers > 0 && !isData) {
      throw invalid(
        'lowerdir',
        `'${list}'`,
        'a layer after a data-only one must be data-only too, and have two colons before it',
      );
    }
    if (piece !== '') layers.push(piece);
    if (piece !== '' && isData) dataLayers++;
    isData = piece === '';
  });
  return { layers, dataLayers };
}
