/** Mounts with the highest allowed number of layers. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable } from '../../harness/mounts.js';
import { Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`many layers ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  /** A directory name of 200 characters makes the option longer than any limit on one line of mount data. */
  function makeLayers(count: number): string {
    const home = 'x'.repeat(200);
    const names = Array.from({ length: count }, (_, i) => `${home}/layer${i}`);
    for (const [i, name] of names.entries()) {
      mkdirSync(box.at(`${name}/shared`), { recursive: true });
      writeFileSync(box.at(`${name}/shared/of-${i}`), '');
      writeFileSync(box.at(`${name}/top-of-all`), `${i}`);
    }
    return `lowerdir=${names.join(':')}`;
  }

  it.each([
    [128, ['mount'], ''],
    [129, ['mount'], ',max_layers=129'],
    [500, ['mount'], ',max_layers=500'],
    // Newer versions of containers/storage use so many, without the option max_layers.
    [500, [], ''],
  ])('%i layers are one tree', (count, command, extra) => {
    const outcome = box.plyfs(...command, '-o', `${makeLayers(count)},upperdir=up,workdir=work${extra}`, 'mnt');
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(box.at('mnt/shared'))).toHaveLength(count);
    expect(box.read('mnt/top-of-all')).toBe('0');
    box.write(`mnt/shared/of-${count - 1}`, 'written');
    expect(box.read(`up/shared/of-${count - 1}`)).toBe('written');
  });
});
