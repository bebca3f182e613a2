/** The man pages that `npm run build` has made. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPTION_ENTRIES, wordsOf } from '../../../src/server/options/option-words.js';
import { ACCEPTED_OPTIONS } from '../../../src/server/options/table/mount-options.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = join(root, 'dist/man');
const pages = readdirSync(directory).sort();
const withoutGroff = spawnSync('groff', ['--version']).error === undefined ? null : '(groff is missing)';

const page = (name: string): string => readFileSync(join(directory, name), 'utf8');

describe('the man pages', () => {
  it('are those that package.json installs', () => {
    const { man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { man: string[] };
    expect(man.map((path) => path.replace('dist/man/', '')).sort()).toEqual(pages);
  });

  it('have the usual sections, and refer to pages that exist', () => {
    for (const name of pages) {
      const text = page(name);
      for (const heading of [
        'NAME',
        'SYNOPSIS',
        'DESCRIPTION',
        'OPTIONS',
        'EXAMPLES',
        'EXIT STATUS',
        'FILES',
        'SEE ALSO',
      ]) {
        expect(text).toMatch(new RegExp(`^\\.SH ${heading}$`, 'm'));
      }
      const references = [...text.matchAll(/\b((?:mount\.)?plyfs(?:\\-\w+)?)\((\d)\)/g)];
      for (const [, other = '', section] of references)
        expect(pages).toContain(`${other.replace('\\', '')}.${section}`);
    }
  });

  it('explain every mount option that has a help', () => {
    const text = page('plyfs-mount.8').replaceAll(/\\f[BIR]/g, '');
    for (const entry of OPTION_ENTRIES) {
      if (!('help' in entry) || entry.help === undefined) continue;
      for (const word of wordsOf(entry).slice(0, 1)) expect(text).toContain(`.TP\n${word}`);
    }
  });

  it('name the mount options that are accepted without effect', () => {
    const text = page('plyfs-mount.8').replaceAll('\\-', '-');
    for (const { words } of ACCEPTED_OPTIONS) expect(text).toContain(words.join(', '));
  });

  it('explain the arguments of the commands in plyfs(1)', () => {
    const text = page('plyfs.1').replaceAll(/\\f[BIR]/g, '');
    for (const argument of ['MOUNTPOINT', 'SRC', 'DST', 'SHELL'])
      expect(text).toMatch(new RegExp(`^\\.TP\n${argument}\n\\S`, 'm'));
  });

  it('do not call themselves a help', () => {
    for (const name of pages) expect(page(name)).not.toContain('this help');
  });

  it.skipIf(withoutGroff !== null).each(pages)(`%s is without a warning of groff ${withoutGroff ?? ''}`, (name) => {
    const { status, stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-cbou', join(directory, name)], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('EXAMPLES');
  });
});
