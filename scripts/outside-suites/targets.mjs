/** The targets of a suite: plyfs, and the file systems that failed tests also run on. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal, run } from './shell.mjs';

const CHECKOUT_PROGRAM = fileURLToPath(new URL('../../bin/plyfs', import.meta.url));

/** The plyfs that is tested: that of this checkout, or $PLYFS_PROGRAM. */
export function plyfsProgram() {
  const program = process.env.PLYFS_PROGRAM ?? CHECKOUT_PROGRAM;
  if (!existsSync(program)) throw new Refusal(`${program}: no such program (PLYFS_PROGRAM)`);
  return program;
}

/** The directory that a target's program needs: a checkout of plyfs. */
export function programRoot({ unmounter }) {
  return unmounter && dirname(dirname(realpathSync(unmounter())));
}

/**
 * @typedef {{ lowers: string[], upper: string, work: string, mountpoint: string, options: string[] }} Union
 */

const overlayOptions = ({ lowers, upper, work, options }) =>
  [...options, `lowerdir=${lowers.join(':')}`, `upperdir=${upper}`, `workdir=${work}`].join(',');

/**
 * `mountUnion` mounts a union in the overlay format. `type` is that of its mounts in /proc/mounts. `helper`
 * is the program that mount(8) starts for it with the arguments of a mount helper, unless the kernel mounts
 * it.
 */
export const targets = {
  plyfs: {
    type: 'fuse.plyfs',
    helper: plyfsProgram,
    unmounter: plyfsProgram,
    mountUnion: (union) => run(plyfsProgram(), ['mount', '-o', overlayOptions(union), union.mountpoint]),
    mountAufs: ({ lowers, upper, mountpoint }) => {
      const branches = [`${upper}=rw`, ...lowers.map((lower) => `${lower}=ro+wh`)].join(':');
      run(plyfsProgram(), ['mount', '-t', 'aufs', '-o', `br:${branches}`, mountpoint]);
    },
  },
  kernel: {
    type: 'overlay',
    mountUnion: (union) => run('mount', ['-i', '-t', 'overlay', '-o', overlayOptions(union), 'none', union.mountpoint]),
  },
  'fuse-overlayfs': {
    type: 'fuse.fuse-overlayfs',
    helper: () => 'fuse-overlayfs',
    mountUnion: (union) =>
      run('fuse-overlayfs', ['-o', `allow_other,${overlayOptions({ ...union, options: [] })}`, union.mountpoint]),
  },
  plain: {
    type: undefined,
    mountUnion: ({ upper, mountpoint }) => run('mount', ['--bind', upper, mountpoint]),
  },
};

/** The target of this name. Throws a Refusal that names the possible ones. */
export function targetOf(name) {
  const target = targets[name];
  if (target === undefined)
    throw new Refusal(`${name}: no such target; possible are ${Object.keys(targets).join(', ')}`);
  return target;
}
