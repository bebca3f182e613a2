/** Values of mount options: parsed, or refused with the option's name. */
import { Errno } from '../../core/errno.js';
import { MountError } from '../../server/config/mount-error.js';
import { splitLayers, unescapePath } from './option-list.js';

export function invalid(name: string, value: string | undefined, why: string): MountError {
  return MountError.of({
    what: name,
    ...(value === undefined ? {} : { where: value }),
    why,
    errno: Errno.EINVAL,
    advice: 'see plyfs mount --help',
  });
}

export function parsePath(name: string, value: string): string {
  if (value === '') throw invalid(name, undefined, 'empty path');
  return unescapePath(value);
}

export interface LayerList {
  /** Top first, the data-only ones at the end. */
  readonly layers: string[];
  readonly dataLayers: number;
}

/**
 * `A:B::DATA::DATA`: two colons set each data-only layer apart
 * (fs/overlayfs/params.c:ovl_parse_param_lowerdir).
 */
export function parseLayers(value: string): LayerList {
  if (value === '') throw invalid('lowerdir', undefined, 'empty');
  const layers: string[] = [];
  let dataLayers = 0;
  let isData = false;
  const pieces = splitLayers(value);
  pieces.forEach((piece, i) => {
    const between = piece === '' && i > 0 && i + 1 < pieces.length;
    if (piece === '' && (!between || isData)) {
      throw invalid(
        'lowerdir',
        `'${value}'`,
        'a colon at the start or end, or a third one in a row, leaves an empty path',
      );
    }
    if (piece !== '' && dataLayers > 0 && !isData) {
      throw invalid(
        'lowerdir',
        `'${value}'`,
        'a layer after a data-only one must be data-only too, and have two colons before it',
      );
    }
    if (piece !== '') layers.push(piece);
    if (piece !== '' && isData) dataLayers++;
    isData = piece === '';
  });
  return { layers, dataLayers };
}

export function parseChoice<T>(name: string, value: string, choices: Readonly<Record<string, T>>): T {
  const chosen = Object.entries(choices).find(([word]) => word === value);
  if (chosen === undefined) throw invalid(name, value, `must be ${Object.keys(choices).join(' or ')}`);
  return chosen[1];
}

interface NumberRange {
  readonly min?: number;
  readonly max: number;
  readonly whole?: boolean;
}

export function parseNumber(name: string, value: string, { min = 0, max, whole = false }: NumberRange): number {
  const number = Number(value);
  const written = whole ? /^\d+$/ : /^\d+(\.\d+)?$/;
  if (!written.test(value) || number < min || number > max) {
    throw invalid(name, value, `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
  }
  return number;
}
