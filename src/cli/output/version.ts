/** The version of plyfs. */
import { readFileSync } from 'node:fs';
import { FUSE_MAJOR, FUSE_MIN_MINOR, FUSE_MINOR } from '../../fuse/wire/abi.js';
import { PACKAGE_ROOT } from '../package-root.js';

/**
 * The versions of plyfs (from package.json), of Node.js and of the FUSE interface. `podman info` shows the
 * whole text as the version of the mount program.
 */
export function version(): string {
  const text = readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  const kernel = `FUSE kernel interface ${FUSE_MAJOR}.${FUSE_MIN_MINOR} to ${FUSE_MAJOR}.${FUSE_MINOR}`;
  return `plyfs ${version}\nNode.js ${process.version}\n${kernel}`;
}
