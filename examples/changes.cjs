/** Loads the library with require(), runs a shell command on a mount, and lists what the command changed. */
const { execFileSync } = require('node:child_process');
const { mkdirSync, readdirSync, statSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');
const { mount, MountError } = require('plyfs');

const base = resolve(process.argv[2] ?? '.');
const command = process.argv[3] ?? 'echo two >> file; mkdir new; rm old';

async function main() {
  const at = (name) => join(base, name);
  for (const name of ['layer', 'upper', 'work', 'merged']) mkdirSync(at(name));
  writeFileSync(at('layer/file'), 'one\n');
  writeFileSync(at('layer/old'), 'old\n');

  const tree = await mount({ lowers: [at('layer')], upper: at('upper'), work: at('work'), mountpoint: at('merged') });
  try {
    // The mount is served by a thread of its own, so blocking calls on it are fine.
    execFileSync('sh', ['-c', command], { cwd: at('merged') });
  } finally {
    await tree.unmount();
  }
  for (const name of readdirSync(at('upper')).sort()) console.log(kindOf(at(`upper/${name}`)), name);
}

/** A whiteout is a character device 0:0, or without root a file with an attribute. */
function kindOf(path) {
  const stat = statSync(path);
  if (stat.isCharacterDevice() && stat.rdev === 0) return 'deleted';
  return stat.isDirectory() ? 'directory' : 'changed';
}

main().catch((error) => {
  console.error(error instanceof MountError ? `cannot mount: ${error.message}` : error);
  process.exitCode = 1;
});
