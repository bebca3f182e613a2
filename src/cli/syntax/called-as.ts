/**
 * The command lines of mount(8) and umount(8), which call programs `mount.TYPE` and `umount.TYPE` (man
 * mount(8), "EXTERNAL HELPERS"). Their flags have other meanings than ours.
 */
import { MountError } from '../../server/config/mount-error.js';

const ARGUMENT = /^--called-as=(.*)$/s;

/** The work that a command line of mount(8) or umount(8) asks for. */
export type CalledAs =
  /** Run plyfs with these arguments. */
  | { readonly kind: 'plyfs'; readonly args: readonly string[] }
  /** Run umount(8) with these arguments: only the kernel can force an unmount. */
  | { readonly kind: 'umount'; readonly args: readonly string[] }
  /** Do nothing, and succeed. */
  | { readonly kind: 'nothing' };

/** Splits off the name by which `bin/plyfs` was called, which it gives in front of the arguments. */
export function splitName(given: readonly string[]): { name: string | undefined; args: readonly string[] } {
  const [, name] = ARGUMENT.exec(given[0] ?? '') ?? [];
  return { name, args: name === undefined ? given : given.slice(1) };
}

/**
 * Converts the arguments of a program that was called by `name`, without its directory.
 * @throws {@link MountError} for a namespace (-N), in which plyfs cannot mount
 */
export function calledAs(name: string, args: readonly string[]): CalledAs {
  if (name.startsWith('umount.')) return asUmount(args);
  if (name.startsWith('mount.')) return asMount(name, args);
  return { kind: 'plyfs', args };
}

/** `mount.TYPE SOURCE TARGET [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]` */
function asMount(name: string, args: readonly string[]): CalledAs {
  const converted: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (word === '-o') converted.push('-o', args[++i] ?? '');
    else if (word === '-t') {
      if (args[++i]?.endsWith('aufs') === true) converted.push('-t', 'aufs');
    } else if (word === '-N') throw namespaceError('mounting');
    // -f: do everything except the mount. The other flags concern messages and /etc/mtab.
    else if (/^-.*f/.test(word)) return { kind: 'nothing' };
    else if (!word.startsWith('-')) converted.push(word);
  }
  // Options in fstab have the meaning of the kernel's overlayfs: contradictory ones are refused. If our name
  // is that of fuse-overlayfs, they have the meaning of that program.
  return { kind: 'plyfs', args: name.includes('fuse-overlayfs') ? converted : ['mount', ...converted] };
}

/** `umount.TYPE TARGET [-flnrv] [-N NAMESPACE] [-t TYPE]` */
function asUmount(args: readonly string[]): CalledAs {
  let target: string | undefined;
  let flags = '';
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (word === '-N') throw namespaceError('unmounting');
    else if (word === '-t') i++;
    else if (word.startsWith('-')) flags += word;
    else target = word;
  }
  const isLazy = flags.includes('l');
  const targets = target === undefined ? [] : [target];
  if (flags.includes('f') && target !== undefined) {
    // With -i, umount(8) does not call us again.
    return { kind: 'umount', args: ['-i', '-f', ...(isLazy ? ['-l'] : []), '--', target] };
  }
  // Without a target, plyfs refuses this command line.
  return { kind: 'plyfs', args: ['umount', ...(isLazy ? ['--lazy'] : []), '--', ...targets] };
}

function namespaceError(what: string): MountError {
  const why = `${what} in another namespace is not supported`;
  return MountError.of({ what: '-N', why, advice: 'use nsenter(1)' });
}
