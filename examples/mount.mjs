/** Mounts two layers below an upper, changes the tree, and shows what the upper has then. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mount } from 'plyfs';

const base = resolve(process.argv[2] ?? '.');
const [system, application, upper, work, merged] = ['system', 'application', 'upper', 'work', 'merged'].map((name) => {
  const path = join(base, name);
  mkdirSync(path);
  return path;
});
writeFileSync(join(system, 'hosts'), '127.0.0.1 localhost\n');
writeFileSync(join(system, 'motd'), 'Welcome\n');
writeFileSync(join(application, 'app.conf'), 'port = 80\n');

// The first layer is the topmost.
const tree = await mount({ lowers: [application, system], upper, work, mountpoint: merged });
try {
  console.log('merged:', readdirSync(merged).sort().join(' '));
  // The first change copies the file to the upper. The layer keeps its own.
  writeFileSync(join(merged, 'hosts'), '127.0.0.1 localhost example\n');
  // A deletion leaves a whiteout in the upper: it hides the file of the layer below.
  rmSync(join(merged, 'motd'));
  console.log('merged:', readdirSync(merged).sort().join(' '));
} finally {
  await tree.unmount();
}
console.log('upper:', readdirSync(upper).sort().join(' '));
console.log('system/hosts:', readFileSync(join(system, 'hosts'), 'utf8').trim());
