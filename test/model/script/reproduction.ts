/** Writes a script as a file that people can read and run. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAYER_NAMES } from '../../conformance/tree.js';
import { CHECKOUT } from '../../harness/checkout.js';
import { shellMountsOf, type Target } from '../sides/target.js';
import { layersOf } from './layers.js';
import { COLD_START, formatOperation, type Operation } from './operation.js';
import { type Part, scriptOf } from './script.js';
import { commandsFor, type FormName, quoted } from './shell.js';

/** Writes the file and returns its path. `found` describes the failure and the search. */
export function writeReproduction(parts: readonly Part[], target: Target, found: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'plyfs-model-failure-')), 'reproduce.sh');
  writeFileSync(path, reproduction(parts, target, found), { mode: 0o755 });
  return path;
}

export function reproduction(parts: readonly Part[], target: Target, found: string): string {
  const { items, first, second } = scriptOf(parts);
  const layers = layersOf(items.map((item) => target.adapt(item)).filter((item) => item !== null));
  const comment = found
    .split('\n')
    .map((line) => `# ${line}`.trimEnd())
    .join('\n');
  const fill = (form: FormName): string =>
    LAYER_NAMES.flatMap((name) => commandsFor(name, layers[name] ?? {}, form))
      .map((line) => `  ${line}\n`)
      .join('');
  const withoutOmitted = (operations: readonly Operation[]): Operation[] =>
    operations.filter((one) => !target.omits(one));
  const fills = [...new Set(Object.values(target.forms))]
    .map((form) => `fill_${form}() {\n  :\n${fill(form)}}\n`)
    .join('');
  const [oracle, plyfs] = target.swapsLayers ? ['plyfs', 'oracle'] : ['oracle', 'plyfs'];
  return `#!/bin/bash
${comment}
#
# Run as root: ${target.inNamespace ? 'node scripts/in-namespace.mjs ' : ''}bash FILE.
# It makes the layers twice, mounts them with both, and makes the same steps on both. Each line of a step can
# be changed or left out. PLYFS_DIR names another checkout (built with npm run build).
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
${fills}
make oracle
fill_${target.forms.oracle}
make plyfs
fill_${target.forms.subject}
cd "$base"
umask 022

${shellMountsOf(target)}

steps() { node "$plyfs/scripts/soak.mjs" --steps ${target.stepOptions.map((option) => `${option} `).join('')}"$base/$1/merged" "$base/$2/merged"; }
can_copy() {
  local upper=$base/$1/upper at
  at=$upper/$(dirname "$3")
  [ -f "$upper/$2" ] && [ ! -L "$upper/$2" ] && [ -d "$at" ] && [ ! -e "$upper/$3" ] && [ ! -L "$upper/$3" ] &&
    [ ! -e "$at/.wh.$(basename "$3")" ]
}
# Unmounts both, copies a file in both uppers (if both have $3 and none has $4), and mounts both again.
again() {
  umount "$base/$1/merged" "$base/$2/merged"
  if [ $# -gt 2 ] && can_copy "$1" "$3" "$4" && can_copy "$2" "$3" "$4"; then
    for side in "$1" "$2"; do cp -a -T "$base/$side/upper/$3" "$base/$side/upper/$4"; done
    # The kernel's overlayfs shows only one of two copies with one origin.
    for side in ${target.swapsLayers ? '"$1" "$2"' : '"$1"'}; do
      for name in trusted.overlay.origin user.overlay.origin; do
        setfattr -h -x $name "$base/$side/upper/$4" 2>/dev/null || true
      done
    done
  fi
  mount_oracle "$1"
  mount_plyfs "$2"
}
tree() { node "$plyfs/scripts/soak.mjs" --tree "$base/$1/merged"; }

mount_oracle oracle
mount_plyfs plyfs
echo "== steps: the oracle's answers, and plyfs's"
${stepsText('oracle plyfs', withoutOmitted(first))}
tree plyfs > plyfs.left
umount oracle/merged plyfs/merged
mount_oracle ${oracle}
mount_plyfs ${plyfs}
echo '== what plyfs left, and how it is shown now'
tree plyfs | diff plyfs.left - && echo the same
${second.length === 0 ? '' : `echo '== steps after the mounts have changed hands'\n${stepsText(`${oracle} ${plyfs}`, withoutOmitted(second))}`}`;
}

function namesOf({ arguments: { path, to } }: Operation): string {
  return typeof path === 'string' && typeof to === 'string' ? ` ${quoted(path)} ${quoted(to)}` : '';
}

/**
 * Returns the commands for the steps. A cold start first ends the program that makes the steps, which would
 * keep the mounts busy.
 */
function stepsText(sides: string, operations: readonly Operation[]): string {
  const lines = operations.map((operation) =>
    operation.call === COLD_START
      ? `END\nagain ${sides}${namesOf(operation)}\nsteps ${sides} <<'END'`
      : formatOperation(operation),
  );
  return [`steps ${sides} <<'END'`, ...lines, 'END'].join('\n');
}
