/**
 * The text after `-o`, cut into options and values. Escapes follow the kernel's overlayfs
 * (fs/overlayfs/params.c ovl_next_opt, ovl_unescape): a backslash takes the next character's meaning away, at
 * the comma here and at the colon in a list of layers, and is removed once, where the value is used.
 */

/** One option, as it was given. */
export interface GivenOption {
  readonly name: string;
  /** Still escaped; undefined for an option without `=`. */
  readonly value: string | undefined;
}

/**
 * Cuts at commas, except escaped ones and those in a value in double quotes, whose quotes are dropped
 * (`context="a:s0:c1,c2"`). Empty options are left out: container tools write `a,,b` and `a,`.
 */
export function splitOptions(list: string): GivenOption[] {
  const options: GivenOption[] = [];
  for (let at = 0; at < list.length; ) {
    const end = endOfQuoted(list, at) ?? endOfPiece(list, at, ',');
    if (end > at) options.push(nameAndValue(list.slice(at, end)));
    at = end + 1;
  }
  return options;
}

/** Cuts a list of layers at unescaped colons, and removes the escapes. Pieces can be empty. */
export function splitLayers(value: string): string[] {
  const layers: string[] = [];
  for (let at = 0; at <= value.length; ) {
    const end = endOfPiece(value, at, ':');
    layers.push(unescapePath(value.slice(at, end)));
    at = end + 1;
  }
  return layers;
}

/** `\:` → `:`, `\\` → `\`. */
export function unescapePath(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

/** The index of the next unescaped separator, or the end of the text. */
function endOfPiece(text: string, from: number, separator: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === separator) return at;
  }
  return text.length;
}

/** `NAME="VALUE"` up to a comma or the end. */
const QUOTED_VALUE = /[^=,\\]*="(?:[^"\\]|\\.)*"(?=,|$)/sy;

/** The end of an option whose value is in quotes. Undefined: there is none at `from`. */
function endOfQuoted(list: string, from: number): number | undefined {
  QUOTED_VALUE.lastIndex = from;
  return QUOTED_VALUE.test(list) ? QUOTED_VALUE.lastIndex : undefined;
}

function nameAndValue(option: string): GivenOption {
  const equals = option.indexOf('=');
  if (equals < 0) return { name: option, value: undefined };
  const value = option.slice(equals + 1);
  const quoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return { name: option.slice(0, equals), value: quoted ? value.slice(1, -1) : value };
}
