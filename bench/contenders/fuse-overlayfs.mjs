import { execFileSync } from 'node:child_process';
import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';
import { overlayOptions } from './overlay-options.mjs';

/** A program with the command line of fuse-overlayfs. @param name its name in the tables */
export function compatibleProgram(name, program) {
  return mounted({
    name,
    isServer: true,
    installHint: program === 'fuse-overlayfs' ? installHint(program) : `${program} --version must work`,
    version: () => versionOf(program),
    engine: () => ({ mountProgram: pathOf(program), environment: {} }),
    mountCommand: (request) => [program, '-o', overlayOptions(request), request.root],
  });
}

function pathOf(program) {
  return execFileSync('sh', ['-c', 'command -v "$0"', program], { encoding: 'utf8' }).trim();
}

export const fuseOverlayfs = compatibleProgram('fuse-overlayfs', 'fuse-overlayfs');
