import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDockerLayers } from '../../../../src/store/docker/docker-layers.js';
import { StoreError } from '../../../../src/store/store-error.js';
import { AufsStore, idOf, Overlay2Store } from '../../../harness/docker-store.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

let root: string;
beforeEach(() => {
  root = makeScratch('docker');
});
afterEach(() => removeScratch(root));

const [BASE, MIDDLE, TOP] = [idOf('1a'), idOf('2b'), idOf('3c')];

function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof StoreError) return `${error.problem.where}: ${error.problem.why ?? error.problem.errno}`;
    throw error;
  }
  throw new Error('was not refused');
}

describe("the overlay2 driver's layers", () => {
  let store: Overlay2Store;
  let driver: string;
  beforeEach(() => {
    driver = join(root, 'overlay2');
    store = new Overlay2Store(driver);
    store.layer(BASE);
    store.layer(MIDDLE, [BASE]);
    store.layer(TOP, [MIDDLE, BASE]);
  });

  it('are the layer itself and all layers below it, top first', () => {
    const layers = [TOP, MIDDLE, BASE].map((id) => `${driver}/${id}/diff`);
    expect(findDockerLayers(driver, TOP)).toEqual({ dialect: 'overlay', layers });
    expect(findDockerLayers(driver, BASE)).toEqual({ dialect: 'overlay', layers: [`${driver}/${BASE}/diff`] });
  });

  it("are also found from Docker's root directory", () => {
    expect(findDockerLayers(root, TOP)).toEqual(findDockerLayers(driver, TOP));
  });

  it('are found by a unique prefix of their id', () => {
    store.layer(`${TOP}-init`, [MIDDLE, BASE]);
    store.layer(`${idOf('2bb')}-removing`);
    expect(findDockerLayers(driver, '3')).toEqual(findDockerLayers(driver, TOP));
    expect(findDockerLayers(driver, '2')).toEqual(findDockerLayers(driver, MIDDLE));
    expect(findDockerLayers(driver, `${TOP}-i`).layers[0]).toBe(`${driver}/${TOP}-init/diff`);
    store.layer(idOf('3d'));
    expect(refusal(() => findDockerLayers(driver, '3'))).toBe(`3: 2 layers begin with this: ${TOP}, ${idOf('3d')}`);
    expect(refusal(() => findDockerLayers(driver, '4'))).toBe(`4: no such layer in ${driver}`);
    expect(refusal(() => findDockerLayers(driver, ''))).toBe(`: no such layer in ${driver}`);
    expect(refusal(() => findDockerLayers(driver, 'l'))).toBe(`l: no such layer in ${driver}`);
  });

  it.each([
    ['/etc', '../../elsewhere/diff'],
    ['an absolute path', '/etc'],
    ['another part of a layer', `../${BASE}/work`],
    ['a directory above the driver', '../../diff'],
  ])('a short name that leads to %s is refused', (_, target) => {
    symlinkSync(target, join(driver, 'l/EVIL'));
    writeFileSync(join(driver, TOP, 'lower'), 'l/EVIL');
    expect(refusal(() => findDockerLayers(driver, TOP))).toMatch(/leads to .*, which is not a layer|is missing/);
  });

  it.each(['../secret', '/etc', 'l/../../etc', 'l/..', `${BASE}/diff`])(
    'a short name that is %s is refused',
    (lower) => {
      writeFileSync(join(driver, TOP, 'lower'), lower);
      expect(refusal(() => findDockerLayers(driver, TOP))).toContain('is not one of the driver');
    },
  );

  it('a layer that is a symlink is refused', () => {
    rmSync(join(driver, BASE, 'diff'), { recursive: true });
    symlinkSync('/etc', join(driver, BASE, 'diff'));
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(`${TOP}: ${driver}/${BASE}/diff is not a directory`);
  });

  it('a missing layer, or a missing link to it, is named', () => {
    const short = readShort(MIDDLE);
    rmSync(join(driver, 'l', short));
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(
      `${driver}/${TOP}/lower: names l/${short}, which does not exist or is not a link`,
    );
    symlinkSync('../gone/diff', join(driver, 'l', short));
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(`${TOP}: ${driver}/gone/diff is missing`);
  });

  function readShort(id: string): string {
    return store.lowerText([id]).slice('l/'.length);
  }

  it('a container whose own layer is broken is not taken for its init layer', () => {
    store.layer(`${TOP}-init`, [MIDDLE, BASE]);
    rmSync(join(driver, TOP, 'diff'), { recursive: true });
    for (const id of [TOP, '3']) {
      expect(refusal(() => findDockerLayers(driver, id))).toBe(`${TOP}: ${driver}/${TOP}/diff is missing`);
    }
  });

  describe('a file `lower`', () => {
    const refusalOfTop = (): string => refusal(() => findDockerLayers(driver, TOP));
    let lower: string;
    beforeEach(() => {
      lower = join(driver, TOP, 'lower');
    });

    it.each(['', '\n'])('that is %j is refused', (text) => {
      writeFileSync(lower, text);
      expect(refusalOfTop()).toBe(`${lower}: names no layer`);
    });

    it.each<[string, () => void]>([
      ['directory', () => mkdirSync(lower)],
      ['symlink', () => symlinkSync('link', lower)],
      ['fifo', () => execFileSync('mkfifo', [lower])],
    ])('that is a %s is refused', (_, make) => {
      rmSync(lower);
      make();
      expect(refusalOfTop()).toBe(`${lower}: is not a regular file`);
    });

    it('is needed if the layer has a work directory', () => {
      rmSync(lower);
      mkdirSync(join(driver, TOP, 'work'));
      expect(refusalOfTop()).toContain(`${lower}: is missing`);
    });

    it('is refused, with a short message, if it is too large, has a NUL byte, or names no layer', () => {
      writeFileSync(lower, Buffer.alloc((1 << 20) + 1, 'l/A:'));
      expect(refusalOfTop()).toContain('is larger than 1048576 bytes');
      writeFileSync(lower, 'l/A\0B');
      expect(refusalOfTop()).toContain('contains a NUL byte');
      writeFileSync(lower, 'x'.repeat(5000));
      expect(refusalOfTop().length).toBeLessThan(1000);
    });
  });

  it('a layer that is below itself is refused', () => {
    writeFileSync(join(driver, MIDDLE, 'lower'), store.lowerText([BASE, MIDDLE]));
    expect(refusal(() => findDockerLayers(driver, MIDDLE))).toBe(`${MIDDLE}: ${MIDDLE} is below itself`);
  });

  it('a layer can have 128 layers below it, and no more', () => {
    const ids = Array.from({ length: 129 }, (_, i) => idOf(`f${i}x`));
    for (const id of ids) store.layer(id);
    store.layer(idOf('9'), ids.slice(1));
    expect(findDockerLayers(driver, '9').layers).toHaveLength(129);
    store.layer(idOf('8'), ids);
    expect(refusal(() => findDockerLayers(driver, '8'))).toContain('has 129 layers below it, and Docker allows 128');
  });

  it('a symlink in l/ is read, and not followed', () => {
    mkdirSync(join(root, 'elsewhere/diff'), { recursive: true });
    symlinkSync('../../elsewhere', join(driver, 'l/loose'));
    expect(readlinkSync(join(driver, 'l/loose'))).toBe('../../elsewhere');
    writeFileSync(join(driver, TOP, 'lower'), 'l/loose');
    expect(refusal(() => findDockerLayers(driver, TOP))).toContain('leads to ../../elsewhere');
  });
});

describe("the aufs driver's layers", () => {
  let driver: string;
  beforeEach(() => {
    driver = join(root, 'aufs');
    const store = new AufsStore(driver);
    store.layer(BASE);
    store.layer(MIDDLE, [BASE]);
    store.layer(TOP, [MIDDLE, BASE]);
  });

  it('are the layer itself and all layers below it, top first', () => {
    const layers = [TOP, MIDDLE, BASE].map((id) => `${driver}/diff/${id}`);
    expect(findDockerLayers(driver, '3c')).toEqual({ dialect: 'aufs', layers });
    expect(findDockerLayers(root, BASE)).toEqual({ dialect: 'aufs', layers: layers.slice(2) });
  });

  it('a parent that is missing, or not an id, or the layer itself, is refused', () => {
    writeFileSync(join(driver, 'layers', TOP), `${MIDDLE}\ngone\n`);
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(`${TOP}: ${driver}/diff/gone is missing`);
    writeFileSync(join(driver, 'layers', TOP), '../../etc\n');
    expect(refusal(() => findDockerLayers(driver, TOP))).toContain('../../etc is not the id of a layer');
    writeFileSync(join(driver, 'layers', TOP), `${BASE}\n${TOP}\n`);
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(`${TOP}: ${TOP} is below itself`);
  });

  it('a container whose own layer is broken is not taken for its init layer', () => {
    writeFileSync(join(driver, 'layers', `${TOP}-init`), '');
    mkdirSync(join(driver, 'diff', `${TOP}-init`));
    rmSync(join(driver, 'layers', TOP));
    expect(refusal(() => findDockerLayers(driver, TOP))).toBe(`${driver}/layers/${TOP}: 2`);
  });
});

describe('the directory in which a layer is searched', () => {
  it('must belong to a driver', () => {
    expect(refusal(() => findDockerLayers(root, 'x'))).toContain("neither Docker's root directory nor");
    expect(refusal(() => findDockerLayers(`${root}/nope`, 'x'))).toContain("neither Docker's root directory nor");
  });

  it('must have the layers of one driver only', () => {
    new Overlay2Store(join(root, 'overlay2')).layer(BASE);
    new AufsStore(join(root, 'aufs')).layer(BASE);
    expect(refusal(() => findDockerLayers(root, BASE))).toContain('has the layers of more than one driver');
    expect(findDockerLayers(join(root, 'aufs'), BASE).dialect).toBe('aufs');
    expect(findDockerLayers(join(root, 'overlay2'), BASE).dialect).toBe('overlay');
  });
});
