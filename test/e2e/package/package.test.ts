/**
 * The package that `npm pack` makes, installed into an empty prefix, where nothing of this checkout is in
 * reach: its program, its library for import and require(), its types, and the examples.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../harness/checkout.js';
import { mountsUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { installNode, NODE_MAJORS } from './node-versions.js';

const unavailable = mountsUnavailable();
/** npm as a script, so that each Node.js can run it. */
const NPM = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());

describe.skipIf(unavailable !== null)(`the package ${unavailable ?? ''}`, () => {
  let base: string;
  let tarball: string;

  beforeAll(() => {
    base = makeScratch('package');
    // Not the scripts of the package: prepack would build into this checkout, which the tests use.
    const packed = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', base], {
      cwd: CHECKOUT,
      encoding: 'utf8',
    });
    tarball = join(base, packed.trim());
  });
  afterAll(() => removeScratch(base));

  it('has the program, the library, the documents and the units, and nothing else', () => {
    const files = execFileSync('tar', ['-tf', tarball], { encoding: 'utf8' }).trim().split('\n');
    const top = new Set(files.map((file) => file.split('/')[1]));
    expect([...top].sort()).toEqual(
      [
        ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'],
        ...['bin', 'dist', 'docs', 'examples', 'systemd'],
      ].sort(),
    );
    for (const file of ['bin/plyfs', 'dist/index.js', 'dist/index.d.ts', 'dist/program/index.js']) {
      expect(files).toContain(`package/${file}`);
    }
    expect(files.filter((file) => file.startsWith('package/systemd/')).sort()).toEqual([
      'package/systemd/system/plyfs.service',
      'package/systemd/user/plyfs-podman.service',
      'package/systemd/user/plyfs.service',
    ]);
  });

  describe.each(NODE_MAJORS)('with Node.js %i', (major) => {
    let home: string;
    let environment: NodeJS.ProcessEnv;
    let plyfs: string;
    let project: string;

    beforeAll(() => {
      home = join(base, `node${major}`);
      const programs = installNode(major, base);
      environment = { ...process.env, PATH: `${programs}:/usr/bin:/bin:/usr/sbin:/sbin` };
      const npm = (...args: string[]): void => {
        const done = run(join(programs, 'node'), [NPM, ...args, '--silent', '--no-audit', '--no-fund', tarball]);
        expect(done).toMatchObject({ status: 0, stderr: '' });
      };
      project = join(home, 'project');
      mkdirSync(project, { recursive: true });
      writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
      npm('install', '--prefix', project);
      npm('install', '-g', '--prefix', join(home, 'prefix'));
      plyfs = join(home, 'prefix/bin/plyfs');
    });

    function run(
      program: string,
      args: readonly string[],
      cwd = home,
    ): { status: number | null; stdout: string; stderr: string } {
      const { status, stdout, stderr } = spawnSync(program, args, { cwd, env: environment, encoding: 'utf8' });
      return { status, stdout, stderr };
    }

    /** A directory with two layers, an upper, a work directory and a mountpoint. */
    function layers(name: string): (part: string) => string {
      const at = (part: string): string => join(home, name, part);
      for (const part of ['top', 'base', 'up', 'work', 'mnt']) mkdirSync(at(part), { recursive: true });
      writeFileSync(at('base/file'), 'base\n');
      writeFileSync(at('top/other'), 'top\n');
      return at;
    }

    it('runs on it', () => {
      const { status, stdout } = run(plyfs, ['--version']);
      expect(status).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Node\\.js v${major}\\.`, 'm'));
    });

    it('has man pages', () => {
      for (const page of ['man1/plyfs.1', 'man1/plyfs-run.1', 'man8/plyfs-mount.8', 'man8/mount.plyfs.8']) {
        expect(readFileSync(join(home, 'prefix/share/man', page), 'utf8')).toContain('.SH NAME');
      }
    });

    it('mounts, changes and unmounts', () => {
      const at = layers('mount');
      const options = `lowerdir=${at('top')}:${at('base')},upperdir=${at('up')},workdir=${at('work')}`;
      expect(run(plyfs, ['mount', '-o', options, at('mnt')])).toEqual({ status: 0, stdout: '', stderr: '' });
      try {
        expect(readdirSync(at('mnt')).sort()).toEqual(['file', 'other']);
        writeFileSync(at('mnt/file'), 'changed\n');
      } finally {
        expect(run(plyfs, ['umount', at('mnt')])).toEqual({ status: 0, stdout: '', stderr: '' });
      }
      expect(readFileSync(at('up/file'), 'utf8')).toBe('changed\n');
      expect(readFileSync(at('base/file'), 'utf8')).toBe('base\n');
    });

    it('runs a command in a tree of layers', () => {
      const at = layers('run');
      const done = run(plyfs, [
        'run',
        '--rootfs',
        '/',
        '--ephemeral',
        '--',
        '/bin/sh',
        '-c',
        `echo new > ${at('up/new')}; cat ${at('up/new')}`,
      ]);
      expect(done).toMatchObject({ status: 0, stdout: 'new\n' });
      expect(existsSync(at('up/new'))).toBe(false);
    });

    it('converts a layer', () => {
      const at = layers('convert');
      expect(run(plyfs, ['convert', '--to', 'aufs', at('base'), at('converted')])).toMatchObject({ status: 0 });
      expect(readFileSync(at('converted/file'), 'utf8')).toBe('base\n');
    });

    it.each(['mount.mjs', 'ephemeral.mjs', 'changes.cjs'])('runs examples/%s', (example) => {
      copyFileSync(join(CHECKOUT, 'examples', example), join(project, example));
      const directory = join(home, example);
      mkdirSync(directory);
      const done = run('node', [example, directory], project);
      expect(done).toMatchObject({ status: 0, stderr: '' });
      expect(done.stdout).toBe(OUTPUT[example as keyof typeof OUTPUT]);
    });

    it('leaves no mount behind', () => {
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(home);
    });
  });

  it.each(['consumer.mts', 'consumer.cts'])('has types for %s', (consumer) => {
    const project = join(base, `node${NODE_MAJORS[0]}/project`);
    writeFileSync(
      join(project, consumer),
      `import { mount, MountError, type MountOptions } from 'plyfs';
const options: MountOptions = { lowers: ['/a'], mountpoint: '/m', overlay: { metacopy: true } };
// @ts-expect-error: misspelt
const wrong: MountOptions = { lowers: ['/a'], mountpoint: '/m', uperdir: '/b' };
export const mounted: Promise<{ readonly mountpoint: string }> = mount(options);
export const isRefusal = (error: unknown): boolean => error instanceof MountError && error.errno === 22;
export { wrong };
`,
    );
    const tsc = join(CHECKOUT, 'node_modules/.bin/tsc');
    const types = dirname(realpathSync(join(CHECKOUT, 'node_modules/@types/node/package.json')));
    const done = spawnSync(
      tsc,
      ['--noEmit', '--strict', '--module', 'nodenext', '--typeRoots', dirname(types), '--types', 'node', consumer],
      { cwd: project, encoding: 'utf8' },
    );
    expect(done.stdout).toBe('');
    expect(done.status).toBe(0);
  });
});

const OUTPUT = {
  'mount.mjs': `merged: app.conf hosts motd
merged: app.conf hosts
upper: hosts motd
system/hosts: 127.0.0.1 localhost
`,
  'ephemeral.mjs': 'view: source.o\nproject: source.c\n',
  'changes.cjs': 'changed file\ndirectory new\ndeleted old\n',
};
