/** The tables of structs against the kernel's header: a C program prints the compiler's offsets and sizes. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as replyStructs from '../../../../src/fuse/wire/reply-structs.js';
import * as requestStructs from '../../../../src/fuse/wire/request-structs.js';
import { array, nested, struct, u16, u32, u64 } from '../../../../src/fuse/wire/struct.js';

const HEADER = '/usr/include/linux/fuse.h';

/**
 * Declarations and names for an older header, by the minor version that has the struct or member. An empty
 * name: no member of the older header begins there.
 */
const NEWER: readonly {
  readonly since: number;
  readonly declares?: string;
  readonly renames: readonly [RegExp, string][];
}[] = [
  {
    since: 39,
    declares:
      '#include <linux/stat.h>\n' +
      'struct fuse_statx_out { uint64_t attr_valid; uint32_t attr_valid_nsec, flags; uint64_t spare[2]; struct statx stat; };\n',
    renames: [
      [/^fuse_sx_time/, 'statx_timestamp'],
      [/^fuse_statx __spare2/, 'statx stx_mnt_id'],
      [/^fuse_statx __spare0/, 'statx __spare0'],
      [/^fuse_statx (?!sizeof)/, 'statx stx_'],
      [/^fuse_statx sizeof/, 'statx sizeof'],
    ],
  },
  {
    since: 40,
    declares: 'struct fuse_backing_map { int32_t fd; uint32_t flags; uint64_t padding; };\n',
    renames: [
      [/^fuse_init_out max_stack_depth/, 'fuse_init_out unused[0]'],
      [/^fuse_init_out request_timeout/, 'fuse_init_out unused[1]'],
      [/^fuse_open_out backing_id/, 'fuse_open_out padding'],
    ],
  },
  {
    since: 43,
    renames: [
      [/^fuse_init_out request_timeout/, 'fuse_init_out unused[0]'],
      [/^fuse_init_out unused$/, ''],
    ],
  },
  { since: 45, declares: 'struct fuse_copy_file_range_out { uint64_t bytes_copied; };\n', renames: [] },
];

/** `SetattrIn` → `fuse_setattr_in` */
function kernelName(table: string): string {
  return `fuse${table.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

const tables = Object.entries({ ...requestStructs, ...replyStructs });
const declared = tables.flatMap(([table, members]) =>
  Object.entries(members).map(([member, value]) => [`${kernelName(table)} ${member}`, value] as const),
);

const minor = Number(/#define FUSE_KERNEL_MINOR_VERSION (\d+)/.exec(header())?.[1]);
const missing = NEWER.filter(({ since }) => minor < since);

function header(): string {
  return existsSync(HEADER) ? readFileSync(HEADER, 'utf8') : '';
}

/** `STRUCT MEMBER` as the header names it; empty: it has no such member. */
function nameInHeader(name: string): string {
  return missing.flatMap(({ renames }) => renames).reduce((text, [from, to]) => text.replace(from, to), name);
}

/** A C program that prints `STRUCT MEMBER VALUE` for each of `names`. */
function program(names: readonly string[]): string {
  const lines = names.map((name) => {
    const [tag, member] = nameInHeader(name).split(' ');
    const value = member === 'sizeof' ? `sizeof(struct ${tag})` : `offsetof(struct ${tag}, ${member})`;
    return `  printf("${name} %zu\\n", ${value});`;
  });
  const head = ['stddef.h', 'stdint.h', 'stdio.h', 'linux/fuse.h'].map((file) => `#include <${file}>\n`).join('');
  const declarations = missing.map(({ declares }) => declares ?? '').join('');
  return `${head}${declarations}int main(void) {\n${lines.join('\n')}\n  return 0;\n}\n`;
}

function offsetsByCompiler(names: readonly string[]): (readonly [string, number])[] {
  const scratch = mkdtempSync(join(tmpdir(), 'plyfs-structs-'));
  try {
    const source = join(scratch, 'structs.c');
    writeFileSync(source, program(names));
    const compiled = spawnSync('cc', ['-o', join(scratch, 'structs'), source], { encoding: 'utf8' });
    expect(compiled.stderr).toBe('');
    const lines = spawnSync(join(scratch, 'structs'), { encoding: 'utf8' }).stdout.trim().split('\n');
    return lines.map((line) => {
      const [tag, member, value] = line.split(' ');
      return [`${tag} ${member}`, Number(value)] as const;
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function reasonToSkip(): string {
  if (!existsSync(HEADER)) return `no ${HEADER}: needs the package linux-libc-dev`;
  return spawnSync('cc', ['--version']).status === 0 ? '' : 'no C compiler';
}

describe('the structs of the protocol', () => {
  it('have the offsets and sizes of linux/fuse.h', ({ skip }) => {
    const reason = reasonToSkip();
    skip(reason !== '', reason);
    const checked = declared.filter(([name]) => nameInHeader(name) !== '');
    expect(checked.length).toBeGreaterThan(200);
    expect(offsetsByCompiler(checked.map(([name]) => name))).toEqual(checked);
  });
});

describe('struct', () => {
  it('aligns each member to its size, and the whole to its largest member', () => {
    const table = struct({ a: u16, b: u32, c: u64, d: u16 });
    expect(table).toEqual({ a: 0, b: 4, c: 8, d: 16, sizeof: 24 });
  });

  it('places what follows an array or another struct behind all of it', () => {
    const inner = struct({ x: u32, y: u32 });
    expect(struct({ a: u32, list: array(u32, 3), b: u32, inner: nested(inner), c: u32 })).toEqual({
      a: 0,
      list: 4,
      b: 16,
      inner: 24,
      c: 32,
      sizeof: 40,
    });
  });
});
