/** Runs a function on a writable view of a directory, and throws all its changes away. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mount } from 'plyfs';

const base = resolve(process.argv[2] ?? '.');
const project = join(base, 'project');
mkdirSync(project);
writeFileSync(join(project, 'source.c'), 'int main(void) { return 0; }\n');

await ephemerally(project, (view) => {
  writeFileSync(join(view, 'source.o'), 'the result of a build');
  rmSync(join(view, 'source.c'));
  console.log('view:', readdirSync(view).join(' '));
});
console.log('project:', readdirSync(project).join(' '));

/** Mounts `directory` below an upper that exists only while `work` runs. */
async function ephemerally(directory, work) {
  const scratch = mkdtempSync(join(base, 'scratch-'));
  const at = (name) => join(scratch, name);
  for (const name of ['upper', 'work', 'view']) mkdirSync(at(name));
  const tree = await mount({
    lowers: [directory],
    upper: at('upper'),
    work: at('work'),
    mountpoint: at('view'),
    // Nobody needs the upper after a crash, so fsync() need not wait for the disk.
    volatile: true,
  });
  try {
    await work(at('view'));
  } finally {
    await tree.unmount({ lazy: true });
    rmSync(scratch, { recursive: true });
  }
}
