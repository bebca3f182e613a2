import { spawnSync } from 'node:child_process';
import { makeScratch, removeScratch } from './scratch.js';

/** The reason why this machine can make no object immutable, or null. */
export function inodeFlagsUnavailable(): string | null {
  const base = makeScratch('flags');
  const done = spawnSync('chattr', ['+i', base], { encoding: 'utf8' });
  if (done.status === 0) spawnSync('chattr', ['-i', base]);
  removeScratch(base);
  return done.status === 0 ? null : `chattr fails here: ${done.stderr.trim()}`;
}
