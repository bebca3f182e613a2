import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { onAbsence } from '../placements.js';
import { dir } from '../tree.js';

const LONGEST = 'n'.repeat(255);
/** The longest name that all unions allow. */
const LONG = 'n'.repeat(242);
const BYTES = '\xff\xfe not UTF-8 \x80';
const ODD = [' ', '\n', '"quoted"', 'back\\slash', 'a,b', 'a:b', '...', '.hidden', '-rf', '\xc3\xa9', BYTES];

export const nameCases: readonly Case[] = [
  ...onAbsence({
    id: 'name-longest',
    operation: 'lookup',
    title: 'a name of 255 bytes works, the limit that statfs reports; one of 256 fails with ENAMETOOLONG',
    needs: ['long-names'],
    run(ctx) {
      equal(sys.statfs(ctx.root).namelen, 255);
      const path = ctx.path(`d/${LONGEST}`);
      sys.writeFile(path, 'x');
      equal(sys.readFile(path), 'x');
      fails('ENAMETOOLONG', () => sys.stat(`${path}n`));
      fails('ENAMETOOLONG', () => sys.mkdir(`${path}n`));
      fails('ENAMETOOLONG', () => sys.rename(path, `${path}n`));
      sys.unlink(path);
      fails('ENOENT', () => sys.stat(path));
    },
  }),
  ...onAbsence({
    id: 'name-bytes',
    operation: 'lookup',
    title: 'names are bytes: unusual ones can be made, listed, renamed and removed',
    needs: ['byte-names'],
    run(ctx) {
      const path = (name: string): string => ctx.path(`d/${name}`);
      for (const name of ODD) sys.writeFile(path(name), name);
      const listed = sys.getdentsToEnd(ctx.open('d', sys.O_RDONLY)).map(({ name }) => name);
      deepEqual(
        ODD.filter((name) => !listed.includes(name)),
        [],
      );
      for (const name of ODD) {
        equal(sys.readFile(path(name)), name);
        sys.rename(path(name), path(`${name}2`));
        sys.unlink(path(`${name}2`));
        fails('ENOENT', () => sys.stat(path(name)));
      }
    },
  }),
  single({
    id: 'name-bytes-of-layer',
    operation: 'lookup',
    placement: 'lower',
    title: 'names of a lower layer that are not UTF-8 can be found, changed and hidden',
    needs: ['byte-names'],
    layers: { lower1: { [BYTES]: dir({ [BYTES]: 'in', [LONG]: 'long' }) } },
    run(ctx) {
      const inner = ctx.path(`${BYTES}/${BYTES}`);
      equal(sys.readFile(inner), 'in');
      sys.writeFile(inner, 'changed');
      sys.unlink(ctx.path(`${BYTES}/${LONG}`));
      deepEqual(
        sys
          .getdentsToEnd(ctx.open(BYTES, sys.O_RDONLY))
          .map(({ name }) => name)
          .sort(),
        ['.', '..', BYTES],
      );
    },
  }),
  single({
    id: 'name-case',
    operation: 'lookup',
    placement: 'merged',
    title: 'names that differ in case are different names',
    layers: { upper: { d: dir({ Name: 'upper case' }) }, lower1: { d: dir({ name: 'lower case' }) } },
    run(ctx) {
      deepEqual([sys.readFile(ctx.path('d/Name')), sys.readFile(ctx.path('d/name'))], ['upper case', 'lower case']);
      fails('ENOENT', () => sys.stat(ctx.path('d/NAME')));
    },
  }),
  single({
    id: 'name-deep-path',
    operation: 'lookup',
    placement: 'deep',
    title: 'a path can have forty directories, half of them in another layer',
    layers: {
      upper: { p: dir() },
      lower1: { p: nested(20, 'end1') },
      lower2: { p: nested(40, 'end2') },
    },
    run(ctx) {
      const at = (depth: number): string => ctx.path(`p${'/s'.repeat(depth)}`);
      equal(sys.readFile(`${at(19)}/end1`), 'end');
      equal(sys.readFile(`${at(39)}/end2`), 'end');
      sys.writeFile(`${at(39)}/new`, 'n');
      equal(sys.readFile(`${at(39)}/new`), 'n');
      equal(sys.stat(`${at(30)}/${'../'.repeat(30)}`).ino, sys.stat(ctx.path('p')).ino);
    },
  }),
  single({
    id: 'name-dots',
    operation: 'create',
    placement: 'merged',
    title: 'creating . or .. fails with EEXIST, creating an empty name with ENOENT',
    layers: { upper: { d: dir() }, lower1: { d: dir({ x: 'x' }) } },
    run(ctx) {
      fails('EEXIST', () => sys.mkdir(ctx.path('d/.')));
      fails('EEXIST', () => sys.mkdir(ctx.path('d/..')));
      fails('ENOENT', () => sys.mkdir(''));
      fails('EISDIR', () => sys.writeFile(ctx.path('d/'), ''));
      fails('ENOTDIR', () => sys.stat(ctx.path('d/x/')));
    },
  }),
];

/**
 * Returns `depth` directories named `s`, each in the previous one. The outermost is the entry itself, the
 * innermost contains `end`.
 */
function nested(depth: number, end: string): ReturnType<typeof dir> {
  let entry = dir({ [end]: 'end' });
  for (let i = 1; i < depth; i++) entry = dir({ s: entry });
  return entry;
}
