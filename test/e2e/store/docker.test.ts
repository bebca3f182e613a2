/** Docker's directories, mounted as they are. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AufsStore, idOf, Overlay2Store } from '../../harness/docker-store.js';
import { kernelOverlayUnavailable, mountKernel, mountsUnavailable } from '../../harness/mounts.js';
import { snapshot } from '../../harness/snapshot.js';
import { Sandbox } from '../harness/sandbox.js';
import { aufsMarks, buildRichLayer, type Marks, overlayMarks } from './rich-layer.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const [BASE, MIDDLE, TOP] = [idOf('1a'), idOf('2b'), idOf('3c')];

describe.skipIf(unavailable !== null)(`plyfs mount --docker ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  function fill(layer: (id: string, lowers?: string[]) => string, marks: Marks): void {
    const base = layer(BASE);
    mkdirSync(`${base}/dir/opaque`, { recursive: true });
    for (const name of ['base', 'gone', 'dir/gone too', 'dir/opaque/hidden']) writeFileSync(`${base}/${name}`, name);
    buildRichLayer(layer(MIDDLE, [BASE]), marks);
    const top = layer(TOP, [MIDDLE, BASE]);
    writeFileSync(`${top}/top`, 'top');
    marks.whiteout(top, 'program');
  }

  /** Mounts, calls `body`, unmounts. Returns the result of `body`. */
  function mounted<T>(args: readonly string[], body: () => T): T {
    expect(box.plyfs('mount', ...args, 'mnt')).toEqual({ status: 0, stdout: '', stderr: '' });
    try {
      return body();
    } finally {
      expect(box.plyfs('umount', 'mnt').status).toBe(0);
    }
  }

  const shown = (): unknown => snapshot(box.mountpoint, { without: ['nlink'] });

  describe('overlay2', () => {
    let store: Overlay2Store;
    beforeEach(() => {
      store = new Overlay2Store(box.at('docker/overlay2'));
      fill((id, lowers) => store.layer(id, lowers), overlayMarks);
    });

    it("shows the same tree as the kernel's overlay with the same `lower` file", () => {
      const text = readFileSync(join(store.directory, TOP, 'lower'), 'utf8');
      const lowers = [`${TOP}/diff`, ...text.split(':')].map((path) => join(store.directory, path));
      const kernel = mountKernel({ lowers, upper: null, work: '', mountpoint: box.mountpoint });
      let expected: unknown;
      try {
        expected = shown();
      } finally {
        kernel.unmount();
      }
      expect(mounted(['--docker', 'docker', '3c'], shown)).toEqual(expected);
      expect(mounted(['--docker', 'docker/overlay2', TOP], shown)).toEqual(expected);
    });

    it('is read-only without an upper', () => {
      mounted(['--docker', 'docker', '3c'], () => {
        expect(() => writeFileSync(`${box.mountpoint}/new`, '')).toThrow('EROFS');
      });
    });

    it("writes changes to an upper of its own, and nothing to Docker's directories", () => {
      const before = snapshot(box.at('docker'));
      mounted(['--docker', 'docker', '3c', '--upper', 'up', '--work', 'work'], () => {
        writeFileSync(`${box.mountpoint}/base`, 'changed');
        expect(readdirSync(box.mountpoint)).toContain('top');
      });
      expect(readdirSync(box.at('up'))).toEqual(['base']);
      expect(snapshot(box.at('docker'))).toEqual(before);
    });

    it('warns that a work directory without an upper has no effect', () => {
      const { status, stderr } = box.plyfs('mount', '--docker', 'docker', '3c', '--work', 'work', 'mnt');
      expect({ status, stderr }).toEqual({
        status: 0,
        stderr: 'plyfs: --work ignored: it is of use only with --upper\n',
      });
      expect(box.plyfs('umount', 'mnt').status).toBe(0);
    });

    it('a message that quotes a hostile file is one line', () => {
      writeFileSync(join(store.directory, TOP, 'lower'), 'l/\x1b[2J\nplyfs, all is well');
      const { stderr } = box.plyfs('mount', '--docker', 'docker', '3c', 'mnt');
      expect(stderr).toContain('names l/\\x1b[2J\\x0aplyfs, all is well, which does not exist or is not a link');
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    });

    it('mounts 128 layers below one', () => {
      const ids = Array.from({ length: 128 }, (_, i) => idOf(`f${i}x`));
      for (const id of ids) writeFileSync(join(store.layer(id), `in-${id.slice(0, 4)}`), '');
      store.layer(idOf('9'), ids);
      expect(mounted(['--docker', 'docker', '9'], () => readdirSync(box.mountpoint))).toHaveLength(128);
    });
  });

  describe('aufs', () => {
    beforeEach(() => {
      const store = new AufsStore(box.at('docker/aufs'));
      fill((id, lowers) => store.layer(id, lowers), aufsMarks);
    });

    it('shows the same tree as the same layers in overlay form', () => {
      const store = new Overlay2Store(box.at('other/overlay2'));
      fill((id, lowers) => store.layer(id, lowers), overlayMarks);
      // The two stores are made at different times, so mtimes differ.
      const facts = (): unknown => snapshot(box.mountpoint, { without: ['nlink', 'mtime'] });
      const expected = mounted(['--docker', 'other', '3c'], facts);
      expect(mounted(['--docker', 'docker', '3c'], facts)).toEqual(expected);
    });

    it('writes changes to an upper of its own, in the form of aufs', () => {
      const before = snapshot(box.at('docker'));
      mounted(['--docker', 'docker', '3c', '--upper', 'up'], () => {
        writeFileSync(`${box.mountpoint}/base`, 'changed');
        expect(readdirSync(box.mountpoint)).not.toContain('program');
      });
      expect(readdirSync(box.at('up'))).toContain('base');
      expect(snapshot(box.at('docker'))).toEqual(before);
    });
  });

  it('each refusal is one line', () => {
    new Overlay2Store(box.at('docker/overlay2')).layer(BASE);
    const refused = (args: readonly string[], line: string, status = 1): void => {
      expect(box.plyfs('mount', ...args)).toEqual({ status, stdout: '', stderr: `plyfs: ${line}\n` });
      expect(box.isMounted()).toBe(false);
    };
    refused(['--docker', 'docker', '7', 'mnt'], 'docker: 7: no such layer in docker/overlay2 (ENOENT)');
    refused(
      ['--docker', 'nowhere', '1', 'mnt'],
      "docker: nowhere: neither Docker's root directory nor that of its overlay2 or aufs driver (ENOENT)",
    );
    refused(
      ['--docker', 'docker', '-o', 'lowerdir=base', '1', 'mnt'],
      'lowerdir: contradicts --docker (EINVAL); see plyfs mount --help',
    );
    refused(
      ['--docker', 'docker', 'mnt'],
      '--docker needs the ID of a layer, and a MOUNTPOINT; see plyfs mount --help',
      2,
    );
  });
});
