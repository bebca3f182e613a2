/** Values of mount options: parsed, or refused with the option's name. */
import { Errno } from '../core/errno.js';
import { MountError } from '../server/mount-error.js';
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

export function parseLayers(value: string): string[] {
  if (value === '') throw invalid('lowerdir', undefined, 'empty');
  // fs/overlayfs/params.c ovl_parse_param_lowerdir: `::` sets data-only layers apart, and needs metacopy.
  if (value.includes('::')) throw invalid('lowerdir', value, 'data-only layers (::) are not supported');
  const layers = splitLayers(value);
  if (layers.includes('')) throw invalid('lowerdir', value, 'a colon at the start or end leaves an empty path');
  return layers;
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
