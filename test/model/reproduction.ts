/** A script as a file that a person can read and run. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYER_NAMES } from '../conformance/tree.js';
import { layersOf } from './layers.js';
import { formatOperation, type Operation } from './operation.js';
import { type Part, scriptOf } from './script.js';
import { commandsFor, type FormName } from './shell.js';
import type { Target } from './target.js';

/** The checkout that this is of, also when it runs compiled below .cache. */
const CHECKOUT = process.env.PLYFS_CHECKOUT ?? fileURLToPath(new URL('../..', import.meta.url));

/** Writes the file and returns its path. `found`: what was wrong, and how it was found. */
export function writeReproduction(parts: readonly Part[], target: Target, found: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'plyfs-model-failure-')), 'reproduce.sh');
  writeFileSync(path, reproduction(parts, target, found), { mode: 0o755 });
  return path;
}

export function reproduction(parts: readonly Part[], target: Target, found: string): string {
  const { items, first, second } = scriptOf(parts);
  const layers = layersOf(items);
  const comment = found
    .split('\n')
    .map((line) => `# ${line}`.trimEnd())
    .join('\n');
  const fill = (form: FormName): string =>
    LAYER_NAMES.flatMap((name) => commandsFor(name, layers[name] ?? {}, form))
      .map((line) => `  ${line}\n`)
      .join('');
  return `#!/bin/bash
${comment}
#
# Run as root: bash FILE. It lays the layers out twice, mounts them with both, and takes the same steps on both; each
# line of a step can be changed or left out. PLYFS_DIR names another checkout (built with npm run build).
set -eu
plyfs=\${PLYFS_DIR:-${CHECKOUT.replace(/\/$/, '')}}
base=$(mktemp -d)
chmod 755 "$base"
trap 'for side in oracle plyfs; do umount "$base/$side/merged" 2>/dev/null || true; done; rm -rf "$base"' EXIT
umask 0

make() {
  mkdir -m 755 "$base/$1"
  cd "$base/$1"
  mkdir -m 755 upper lower1 lower2 lower3 work merged
}
fill_overlay() {
  :
${fill('overlay')}}
${target.form === 'overlay' ? '' : `fill_${target.form}() {\n  :\n${fill(target.form)}}\n`}
make oracle
fill_overlay
make plyfs
fill_${target.form}
cd "$base"
umask 022

${target.shellMounts}

steps() { node "$plyfs/scripts/soak.mjs" --steps ${target.isAufs ? '--aufs ' : ''}"$base/$1/merged" "$base/$2/merged"; }
tree() { node "$plyfs/scripts/soak.mjs" --tree "$base/$1/merged"; }

mount_oracle oracle
mount_plyfs plyfs
echo "== steps: the oracle's answers, and plyfs's"
${stepsText('oracle plyfs', first)}
tree plyfs > plyfs.left
umount oracle/merged plyfs/merged
${target.shellSecond}
echo '== what plyfs left, and how it is shown now'
tree plyfs | diff plyfs.left - && echo the same
${second.length === 0 ? '' : `echo '== steps after the mounts have changed hands'\n${stepsText(target.shellSides, second)}`}`;
}

function stepsText(sides: string, operations: readonly Operation[]): string {
  return [`steps ${sides} <<'END'`, ...operations.map(formatOperation), 'END'].join('\n');
}
