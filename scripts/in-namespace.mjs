// Runs a command as root of a user namespace and a mount namespace of its own, in which all ids are what they
// are outside. Usage, as root: node scripts/in-namespace.mjs COMMAND [ARGUMENT...]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** All but (uid_t) -1. */
const ALL_IDS = '0 0 4294967295\n';

const [, , ...command] = process.argv;
if (command.length === 0) {
  console.error('usage: node scripts/in-namespace.mjs COMMAND [ARGUMENT...]');
  process.exit(2);
}
// It waits until its ids are mapped: until then it is nobody.
const child = spawn('unshare', ['--user', '--mount', 'sh', '-c', 'read -r _ <&3; exec "$@" 3<&-', 'sh', ...command], {
  stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  env: { ...process.env, PLYFS_IN_NAMESPACE: '1' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
const ended = once(child, 'exit');
const namespace = (pid) => readlinkSync(`/proc/${pid}/ns/user`);
while (child.exitCode === null && namespace(child.pid) === namespace('self')) await setTimeout(2);
if (child.exitCode === null) {
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${map}`, ALL_IDS);
  child.stdio[3].end('\n');
}
const [status] = await ended;
process.exitCode = status ?? 1;
