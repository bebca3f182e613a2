/** `import { mount } from 'plyfs'`: a thread of the calling process serves the mount. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as Plyfs from '../../../src/index.js';
import { mountsUnavailable, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();
const library = new URL('../../../dist/index.js', import.meta.url).href;

describe.skipIf(unavailable !== null)(`the library ${unavailable ?? ''}`, async () => {
  const { mount, MountError } = (await import(library)) as typeof Plyfs;
  let box: Sandbox;
  let tree: Plyfs.Mount | undefined;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(async () => {
    await tree?.unmount({ lazy: true });
    tree = undefined;
    box.dispose();
  });

  function layers(): Plyfs.MountOptions {
    return {
      lowers: [box.at('top'), box.at('base')],
      upper: box.at('up'),
      work: box.at('work'),
      mountpoint: box.mountpoint,
      ...(TRANSPORT === undefined ? {} : { transport: TRANSPORT }),
    };
  }

  it('the process that serves the mount can use it, also with blocking calls', async () => {
    tree = await mount(layers());
    expect(tree.mountpoint).toBe(box.mountpoint);
    expect(readdirSync(tree.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    writeFileSync(box.at('mnt/new'), 'x'.repeat(3_000_000));
    expect(readFileSync(box.at('mnt/new'), 'utf8')).toHaveLength(3_000_000);
    await mkdir(box.at('mnt/d/e'), { recursive: true });
    await Promise.all(Array.from({ length: 50 }, (_, i) => writeFile(box.at(`mnt/d/e/${i}`), `${i}`)));
    expect(await readdir(box.at('mnt/d/e'))).toHaveLength(50);
    expect(await readFile(box.at('up/d/e/49'), 'utf8')).toBe('49');
    await rm(box.at('mnt/d'), { recursive: true });
    expect(readdirSync(box.at('up'))).toEqual(['new']);
  });

  it('refuses an unknown property, and names it', async () => {
    const wrong = (more: object): Promise<unknown> => mount({ ...layers(), ...more });
    for (const [more, line] of [
      [{ uper: box.at('up') }, /^mount: uper: no such property \(EINVAL\); those that are known: .*\bupper\b/],
      [{ overlay: { metaCopy: true } }, /^mount: overlay.metaCopy: no such property .*\bmetacopy\b/],
      [{ dialect: 'aufs', aufs: { keeplinks: true } }, /^mount: aufs.keeplinks: no such property .*\bkeepLinks\b/],
      [{ index: true }, /^mount: index: no such property \(EINVAL\); it belongs under overlay: { overlay: { index: /],
      [{ keepLinks: true }, /^mount: keepLinks: no such property \(EINVAL\); it belongs under aufs: /],
    ] as const) {
      await expect(wrong(more)).rejects.toThrow(line);
      await expect(wrong(more)).rejects.toBeInstanceOf(MountError);
    }
    expect(box.isMounted()).toBe(false);
    tree = await mount(layers());
    await expect(tree.unmount({ lasy: true } as object)).rejects.toThrow('unmount: lasy: no such property');
    expect(box.isMounted()).toBe(true);
  });

  it('refuses an invalid value, names its property, and leaves no mark', async () => {
    const path = 'a path: a string or bytes, not empty, without NUL characters';
    const refusals: readonly (readonly [object, string])[] = [
      ...['readOnly', 'suid', 'dev', 'exec', 'allowOther', 'volatile', 'fsync'].flatMap((name) => [
        [{ [name]: 'false' }, `mount: ${name}: must be true or false, not 'false'`] as const,
        [{ [name]: null }, `mount: ${name}: must be true or false, not null`] as const,
      ]),
      ...['metacopy', 'index', 'uuid', 'userxattr'].map(
        (name) => [{ overlay: { [name]: 'off' } }, `mount: overlay.${name}: must be true or false, not 'off'`] as const,
      ),
      ...['linkWhiteouts', 'alwaysOpaque', 'keepLinks'].map(
        (name) =>
          [{ dialect: 'aufs', aufs: { [name]: 1 } }, `mount: aufs.${name}: must be true or false, not 1`] as const,
      ),
      ...['upper', 'work', 'mountpoint'].flatMap((name) => [
        [{ [name]: 5 }, `mount: ${name}: must be ${path}, not 5`] as const,
        [{ [name]: null }, `mount: ${name}: must be ${path}, not null`] as const,
        [{ [name]: 'a\0b' }, `mount: ${name}: must be ${path}, not 'a\\x00b'`] as const,
        [{ [name]: '' }, `mount: ${name}: must be ${path}, not ''`] as const,
      ]),
      [{ upper: Buffer.from([97, 0]) }, `mount: upper: must be ${path}, not `],
      [{ mountpoint: undefined }, `mount: mountpoint: must be ${path}, not undefined`],
      [{ lowers: undefined }, 'mount: lowers: must be a list of paths, not undefined'],
      [{ lowers: box.at('base') }, `mount: lowers: must be a list of paths, not '${box.at('base')}'`],
      [{ lowers: [5] }, 'mount: lowers: must be a list of paths, not [ 5 ]'],
      [{ lowers: [] }, 'mount: lowers: must have at least one path'],
      [{ lowers: [], dataLayers: [box.at('base')] }, 'mount: lowers: must have at least one path'],
      [{ dialect: 'aufs', lowers: [], upper: undefined }, 'mount: lowers: must have at least one path'],
      [{ dataLayers: {} }, 'mount: dataLayers: must be a list of paths, not {}'],
      [{ overlay: null }, 'mount: overlay: must be an object, not null'],
      [{ overlay: 'index' }, "mount: overlay: must be an object, not 'index'"],
      [{ aufs: [] }, 'mount: aufs: must be an object, not []'],
      [
        { aufs: { ignoresWhiteouts: ['0'] } },
        'mount: aufs.ignoresWhiteouts: must be a list of indexes of lower layers',
      ],
      [{ dialect: 'zfs' }, "mount: dialect: must be overlay or aufs, not 'zfs'"],
      [{ passthrough: true }, 'mount: passthrough: must be auto or off, not true'],
      [{ transport: 'tcp' }, "mount: transport: must be direct or fuse-native, not 'tcp'"],
      [{ timeout: '1' }, "mount: timeout: must be a number from 0 to 1000000000, not '1'"],
      [{ timeout: Number.NaN }, 'mount: timeout: must be a number from 0 to 1000000000, not NaN'],
      [{ requestTimeout: -1 }, 'mount: requestTimeout: must be a number from 0.1 to 1000000, not -1'],
      [{ maxLayers: 1.5 }, 'mount: maxLayers: must be a whole number from 1 to 500, not 1.5'],
      [{ fsname: 5 }, 'mount: fsname: must be a string without NUL characters, not empty, not 5'],
      [{ log: 'stderr' }, "mount: log: must be a function, not 'stderr'"],
    ];
    for (const [more, line] of refusals) {
      const refused = await mount({ ...layers(), ...more }).then(
        () => 'mounted',
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(MountError);
      expect(refused).toMatchObject({ code: 'EINVAL', message: expect.stringMatching(/^[^\n]*$/) });
      expect((refused as Error).message).toContain(line);
    }
    await expect(mount(null as unknown as Plyfs.MountOptions)).rejects.toThrow('mount: must be an object, not null');
    expect(box.isMounted()).toBe(false);
    expect(readdirSync(box.at('work'))).toEqual([]);
    tree = await mount({ ...layers(), volatile: undefined, overlay: undefined } as unknown as Plyfs.MountOptions);
    await expect(tree.unmount({ lazy: 'no' } as object)).rejects.toThrow(
      "unmount: lazy: must be true or false, not 'no' (EINVAL)",
    );
    expect(box.isMounted()).toBe(true);
  });

  it('resolves options of the overlay as on the command line', async () => {
    const conflict = mount({ ...layers(), overlay: { metacopy: true, redirectDir: 'nofollow' } });
    await expect(conflict).rejects.toThrow('metacopy: on: needs redirect_dir=on, and redirect_dir=nofollow was given');
    await expect(conflict).rejects.toBeInstanceOf(MountError);
    const unknown = { redirectDir: 'sometimes' } as unknown as Plyfs.OverlayOptions;
    await expect(mount({ ...layers(), overlay: unknown })).rejects.toThrow(
      "mount: overlay.redirectDir: must be on, follow, nofollow or off, not 'sometimes' (EINVAL)",
    );
    await expect(mount({ ...layers(), dialect: 'aufs', overlay: { index: true } })).rejects.toThrow(
      'index: on: the aufs dialect does not have this feature',
    );
    expect(box.isMounted()).toBe(false);
    tree = await mount({ ...layers(), overlay: { userxattr: true }, fsync: false });
    await rm(box.at('mnt/from-base'));
    await mkdir(box.at('mnt/from-base'));
    expect(run('getfattr', ['-m-', box.at('up/from-base')]).stdout).toContain('user.overlay.opaque');
    expect(existsSync(box.at('work/work/incompat'))).toBe(false);
  });

  it('unmount() and closed resolve when everything is closed', async () => {
    tree = await mount(layers());
    const before = readdirSync('/proc/self/fd').length;
    await tree.unmount();
    expect(box.isMounted()).toBe(false);
    await tree.closed;
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(before);
    await tree.unmount();
  });

  it('leaves no file descriptor and no listener behind after a mount or a refusal', async () => {
    // mount(2) refuses a name of this length: only the serving thread gets this error.
    const rounds = async (): Promise<number> => {
      for (let i = 0; i < 3; i++) {
        const one = await mount(layers());
        await one.unmount();
        await expect(mount({ ...layers(), fsname: 'x'.repeat(5000) })).rejects.toBeInstanceOf(MountError);
      }
      return readdirSync('/proc/self/fd').length;
    };
    const listeners = process.listenerCount('exit');
    const first = await rounds();
    expect(await rounds()).toBe(first);
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  it('unmount() rejects while a file is open, and works afterwards', async () => {
    tree = await mount(layers());
    const fd = openSync(box.at('mnt/from-top'), 'r');
    await expect(tree.unmount()).rejects.toMatchObject({ name: 'MountError', code: 'EBUSY' });
    closeSync(fd);
    await tree.unmount();
  });

  it('closed resolves when another process unmounts', async () => {
    tree = await mount(layers());
    expect(spawnSync('umount', [box.mountpoint]).status).toBe(0);
    await tree.closed;
  });

  it('never unmounts a mount that another process has made in its place', async () => {
    tree = await mount(layers());
    const fd = openSync(box.at('mnt/from-top'), 'r');
    expect(spawnSync('umount', ['-l', box.mountpoint]).status).toBe(0);
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', box.mountpoint]).status).toBe(0);
    await tree.unmount({ lazy: true });
    expect(box.isMounted()).toBe(true);
    closeSync(fd);
  });

  it('a log function that throws ends neither the process nor the mount', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => {
      warnings.push(warning.message);
    };
    process.on('warning', note);
    try {
      let calls = 0;
      const log = (): void => {
        calls++;
        throw new Error('broken');
      };
      tree = await mount({ ...layers(), debug: true, log });
      expect(readFileSync(box.at('mnt/from-top'), 'utf8')).toBe('top\n');
      await waitFor(() => calls > 1, 'lines about the first file');
      const before = calls;
      expect(readFileSync(box.at('mnt/from-base'), 'utf8')).toBe('base\n');
      await waitFor(() => calls > before, 'lines about the second file');
      expect(warnings).toEqual([expect.stringMatching(/^log: the function failed, .*: Error: broken\n/)]);
    } finally {
      process.off('warning', note);
    }
  });

  it('one process can serve several mounts, also one on top of another', async () => {
    tree = await mount(layers());
    mkdirSync(box.at('second'));
    const second = await mount({ lowers: [box.mountpoint], mountpoint: box.at('second') });
    expect(readdirSync(second.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    expect(() => writeFileSync(box.at('second/x'), '')).toThrow(/EROFS/);
    await second.unmount();
  });

  it('refuses what the program refuses, with errno and code', async () => {
    await expect(mount({ ...layers(), lowers: [box.at('nope')] })).rejects.toMatchObject({
      name: 'MountError',
      code: 'ENOENT',
      errno: 2,
      message: `lowerdir: ${box.at('nope')}: no such file or directory (ENOENT)`,
    });
    await expect(mount({ ...layers(), maxLayers: 1 })).rejects.toThrow(/the limit is 1/);
    await expect(mount({ ...layers(), maxLayers: 501 })).rejects.toThrow(/^mount: maxLayers: .* not 501/);
    expect(box.isMounted()).toBe(false);
  });

  it('a process that exits or throws leaves no mount behind', async () => {
    for (const [end, status] of [
      ['process.exit(3)', 3],
      ['throw new Error("oops")', 1],
    ] as const) {
      const script = `import { mount } from ${JSON.stringify(library)};
        await mount(${JSON.stringify(layers())});
        process.stdout.write('mounted\\n', () => { ${end} });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      expect((await once(child, 'exit'))[0]).toBe(status);
      await waitFor(() => !box.isMounted(), 'the mount to go');
    }
  });
});
