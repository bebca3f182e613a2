/**
 * Installs mount helpers in /sbin and the users that xfstests needs. All of it is mounted over the machine's
 * own files, in a mount namespace of the run alone, and disappears with that namespace.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './shell.mjs';

/** xfstests' README: fsgqa, a second user whose name starts with a digit, and groups. */
const USERS = ['fsgqa', '123456-fsgqa', 'fsgqa2'];
const GROUPS = [...USERS, 'sys_fsgqa'];
const FIRST_ID = 31_415;

/**
 * Installs the helpers of a target.
 * @returns {{ record: string }} a file in which each mount of type overlay adds a line: its source and its
 * options
 */
export function installHelpers(target, directory) {
  const programs = join(directory, 'sbin');
  const record = join(directory, 'mounted');
  mkdirSync(programs, { recursive: true });
  writeFileSync(record, '');
  if (target.helper) {
    const program = target.helper();
    // plyfs knows by its name, mount.TYPE or umount.TYPE, that mount(8) or umount(8) has called it.
    const direct = join(programs, `mount.${target.type}`);
    if (target.unmounter) symlinkSync(program, direct);
    else writeScript(direct, callOf(program));
    writeScript(join(programs, 'mount.overlay'), recordingHelper(direct, record));
    if (target.unmounter) symlinkSync(program, join(programs, `umount.${target.type}`));
  }
  run('mount', ['-i', '-t', 'overlay', '-o', `lowerdir=${programs}:/usr/sbin,ro`, 'none', '/usr/sbin']);
  installUsers(directory);
  return { record };
}

function writeScript(path, body) {
  writeFileSync(path, `#!/bin/bash\n${body}\n`);
  chmodSync(path, 0o755);
}

/** mount.TYPE SOURCE MOUNTPOINT [-o OPTIONS]...: the call of a program that takes no source. */
function callOf(program) {
  return `shift; mountpoint=$1; shift; exec ${program} "$@" "$mountpoint"`;
}

/**
 * A helper for type overlay. A FUSE mount shows few of its options in /proc/mounts, so they are written down
 * here.
 */
function recordingHelper(helper, record) {
  return [
    'source=$1 options= next=',
    'for word in "$@"; do',
    '  [ -z "$next" ] || options+=,$word',
    '  next=',
    `  case $word in -o) next=yes ;; -o*) options+=,\${word#-o} ;; esac`,
    'done',
    `'${helper}' "$@" || exit`,
    `printf '%s %s\\n' "$source" "\${options#,}" >>'${record}'`,
  ].join('\n');
}

function installUsers(directory) {
  const lines = {
    passwd: USERS.map((name, index) => `${name}:x:${FIRST_ID + index}:${FIRST_ID + index}::/tmp:/bin/bash`),
    shadow: USERS.map((name) => `${name}:*:19000:0:99999:7:::`),
    group: GROUPS.map((name, index) => `${name}:x:${FIRST_ID + index}:`),
  };
  for (const [file, added] of Object.entries(lines)) {
    const copy = join(directory, file);
    copyFileSync(`/etc/${file}`, copy);
    chmodSync(copy, file === 'shadow' ? 0o600 : 0o644);
    const present = readFileSync(copy, 'utf8');
    const missing = added.filter((line) => !`\n${present}`.includes(`\n${line.split(':')[0]}:`));
    writeFileSync(copy, missing.map((line) => `${line}\n`).join(''), { flag: 'a' });
    run('mount', ['--bind', copy, `/etc/${file}`]);
  }
}
