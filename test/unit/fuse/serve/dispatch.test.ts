/** Requests of the kernel → calls to the file system → replies to the kernel, byte by byte. */
import { describe, expect, it } from 'vitest';
import { Errno, fsError } from '../../../../src/core/errno.js';
import { O_DIRECT, O_SYNC, O_WRONLY } from '../../../../src/core/flags.js';
import { type DirectorySink, Parked } from '../../../../src/fuse/operations.js';
import { Opcode } from '../../../../src/fuse/wire/abi.js';
import { message, text, u32, u64 } from '../kernel-message.js';
import { attr, type Call, entry, errnoOf, Serving } from '../serving.js';

const caller = (umask = 0) => ({ uid: 1000, gid: 100, pid: 4242, umask });
const range = (length: number) => ({ from: 5, fromOffset: 1, to: 9, toOffset: 2, length });

describe('requests', () => {
  const cases: readonly (readonly [keyof typeof Opcode, readonly Buffer[], Call])[] = [
    ['LOOKUP', [text('na\xffme')], ['lookup', 5, 'na\xffme']],
    ['FORGET', [u64(3)], ['forget', 5, 3]],
    ['GETATTR', [u32(0, 0), u64(0)], ['getattr', 5]],
    ['READLINK', [], ['readlink', 5]],
    ['SYMLINK', [text('name'), text('../to')], ['symlink', 5, 'name', '../to', caller()]],
    [
      'MKNOD',
      [u32(0o20600, 0x103, 0o22, 0), text('n')],
      ['mknod', 5, 'n', { mode: 0o20600, rdev: 0x103 }, caller(0o22)],
    ],
    ['MKDIR', [u32(0o40755, 0o77), text('d')], ['mkdir', 5, 'd', 0o40755, caller(0o77)]],
    ['UNLINK', [text('f')], ['unlink', 5, 'f']],
    ['RMDIR', [text('d')], ['rmdir', 5, 'd']],
    ['RENAME', [u64(9), text('a'), text('b')], ['rename', 5, 'a', 9, 'b', 0]],
    ['RENAME2', [u64(9), u32(2, 0), text('a'), text('b')], ['rename', 5, 'a', 9, 'b', 2]],
    ['LINK', [u64(2 ** 40), text('l')], ['link', 2 ** 40, 5, 'l']],
    ['OPEN', [u32(0o1001, 1)], ['open', 5, 0o1001, { uid: 1000, gid: 100, pid: 4242, umask: 0 }]],
    [
      'CREATE',
      [u32(0o102, 0o100600, 0o27, 0), text('f')],
      ['create', 5, 'f', { mode: 0o100600, flags: 0o102 }, caller(0o27)],
    ],
    ['TMPFILE', [u32(2, 0o100600, 0o27, 0), text('#1')], ['tmpfile', 5, { mode: 0o100600, flags: 2 }, caller(0o27)]],
    ['RELEASE', [u64(0), u32(2, 0), u64(0)], ['release', 5, 2]],
    ['FSYNC', [u64(0), u32(1, 0)], ['fsync', 5, true]],
    ['FSYNCDIR', [u64(0), u32(0, 0)], ['fsyncdir', 5, false]],
    ['STATFS', [], ['statfs', 5]],
    [
      'FALLOCATE',
      [u64(0, 8192, 2 ** 33), u32(3, 0)],
      ['fallocate', 5, { mode: 3, offset: 8192, length: 2 ** 33 }, caller()],
    ],
    ['LSEEK', [u64(0, 2 ** 33), u32(4, 0)], ['lseek', 5, 2 ** 33, 4]],
    ['COPY_FILE_RANGE', [u64(0, 1, 9, 0, 2, 2n ** 63n - 1n, 0)], ['copyFileRange', range(0x7ffff000), caller()]],
    ['COPY_FILE_RANGE_64', [u64(0, 1, 9, 0, 2, 3, 0)], ['copyFileRange', range(3), caller()]],
    ['GETXATTR', [u32(100, 0), text('user.a')], ['getxattr', 5, 'user.a']],
    ['LISTXATTR', [u32(100, 0)], ['listxattr', 5, caller()]],
    [
      'SETXATTR',
      [u32(2, 1, 1, 0), text('user.a'), Buffer.from('xy')],
      ['setxattr', 5, 'user.a', '2 bytes', { flags: 1, killSetGid: true }],
    ],
    ['REMOVEXATTR', [text('user.a')], ['removexattr', 5, 'user.a']],
    ['IOCTL', [u64(0), u32(0, 0x40086602), u64(0), u32(4, 0), u32(0x20)], ['setFlags', 5, 0x20]],
  ];

  it.each(cases)('%s', (name, body, call) => {
    const serving = new Serving();
    const answers = serving.serve(message(Opcode[name], body, { nodeid: 5 }));
    expect(serving.calls).toEqual([call]);
    expect(serving.log).toEqual([]);
    if (name === 'FORGET') expect(answers).toEqual([]);
    else expect(answers.map(errnoOf)).toEqual([0]);
  });

  it('BATCH_FORGET forgets each node, and has no reply', () => {
    const serving = new Serving();
    expect(serving.serve(message(Opcode.BATCH_FORGET, [u32(2, 0), u64(7, 1, 8, 2)]))).toEqual([]);
    expect(serving.calls).toEqual([
      ['forget', 7, 1],
      ['forget', 8, 2],
    ]);
  });

  it('SETATTR: each bit alone; attributes without their bit are absent', () => {
    const body = (valid: number): Buffer[] => [
      u32(valid, 0),
      u64(0, 2 ** 35, 0, 11, -12, 13),
      u32(1, 2, 3, 0o104755, 0, 21, 22, 0),
    ];
    const change = (valid: number): unknown => {
      const serving = new Serving();
      serving.serve(message(Opcode.SETATTR, body(valid)));
      return serving.calls[0]?.[2];
    };
    expect(change(0)).toEqual({});
    expect(change(1 << 0)).toEqual({ mode: 0o4755 });
    expect(change(1 << 1)).toEqual({ uid: 21 });
    expect(change(1 << 2)).toEqual({ gid: 22 });
    expect(change(1 << 3)).toEqual({ size: 2 ** 35 });
    expect(change(1 << 4)).toEqual({ atime: { sec: 11, nsec: 1 } });
    expect(change(1 << 5)).toEqual({ mtime: { sec: -12, nsec: 2 } });
    expect(change((1 << 4) | (1 << 7))).toEqual({ atime: 'now' });
    expect(change((1 << 5) | (1 << 8))).toEqual({ mtime: 'now' });
    expect(change(1 << 6)).toEqual({});
    expect(change(1 << 10)).toEqual({});
    expect(change(1 << 11)).toEqual({ killSetId: true });
  });

  it('READ: the file system reads into the body of the reply', () => {
    const serving = new Serving();
    serving.override.read = (_node, into, at, size, offset, flags) => into.write(`${size}@${offset} ${flags}`, at);
    const [answer] = serving.serve(message(Opcode.READ, [u64(0, 2 ** 33), u32(4096, 0), u64(0), u32(O_DIRECT, 0)]));
    expect(answer?.subarray(16).toString()).toBe(`4096@${2 ** 33} ${O_DIRECT}`);
  });

  it('WRITE: the file system writes from the request, without a copy of the data', () => {
    const serving = new Serving();
    serving.override.write = (_node, from, at, size, offset, kill) => {
      expect([from.toString('latin1', at, at + size), offset, kill?.uid]).toEqual(['data', 2 ** 33, 1000]);
      return 4;
    };
    const body = [u64(0, 2 ** 33), u32(4, 4), u64(0), u32(0, 0), Buffer.from('data')];
    expect(serving.serve(message(Opcode.WRITE, body))[0]?.subarray(16)).toEqual(u32(4, 0));
  });

  it('WRITE of cached pages of a mapping is writeBack', () => {
    const serving = new Serving();
    const body = [u64(0, 2 ** 33), u32(4, 1), u64(0), u32(O_WRONLY, 0), Buffer.from('data')];
    expect(serving.serve(message(Opcode.WRITE, body))[0]?.subarray(16)).toEqual(u32(4, 0));
    expect(serving.calls.map(([name]) => name)).toEqual(['writeBack']);
  });

  it('WRITE: the file system gets the flags of the descriptor, without O_SYNC if the upper is volatile', () => {
    const flags = O_WRONLY | O_DIRECT | O_SYNC;
    for (const [noSync, seen] of [
      [false, flags],
      [true, O_WRONLY | O_DIRECT],
    ] as const) {
      const serving = new Serving(1, true, noSync);
      serving.serve(message(Opcode.WRITE, [u64(0, 0), u32(4, 0), u64(0), u32(flags, 0), Buffer.from('data')]));
      expect(serving.calls[0]?.at(-1)).toBe(seen);
    }
  });
});

/** struct fuse_attr of {@link attr}. */
const attrBytes = Buffer.concat([
  u64(attr.ino, attr.size, 24, 10, -2, 30),
  u32(1, 2, 3, 0o100644, 2, 1000, 100, 0, 4096, 0),
]);
const entryBytes = Buffer.concat([u64(entry.nodeid, 0, 1, 1), u32(500_000_000, 500_000_000), attrBytes]);

function replyTo(opcode: number, body: readonly Buffer[], serving = new Serving()): Buffer {
  const [answer] = serving.serve(message(opcode, body, { unique: 2 ** 33 + 2 }));
  if (answer === undefined) throw new Error('there was no reply');
  return answer;
}

/** fuse_out_header and a body. */
function success(...body: readonly Buffer[]): Buffer {
  const all = Buffer.concat(body);
  return Buffer.concat([u32(16 + all.length, 0), u64(2 ** 33 + 2), all]);
}

describe('replies', () => {
  it('an entry', () => {
    expect(replyTo(Opcode.LOOKUP, [text('n')])).toEqual(success(entryBytes));
  });

  it('a missing name is an entry without a node, cached as long as others', () => {
    const serving = new Serving();
    serving.override.lookup = () => null;
    expect(replyTo(Opcode.LOOKUP, [text('n')], serving)).toEqual(
      success(u64(0, 0, 1, 0), u32(500_000_000, 0), Buffer.alloc(88)),
    );
  });

  it('attributes', () => {
    expect(replyTo(Opcode.GETATTR, [u32(0, 0), u64(0)])).toEqual(success(u64(1), u32(500_000_000, 0), attrBytes));
  });

  it('attributes, and the time of birth', () => {
    const head = [u64(1), u32(500_000_000, 0), u64(0, 0)];
    const moments = [u64(10), u32(1, 0), u64(-40), u32(4, 0), u64(30), u32(3, 0), u64(-2), u32(2, 0)];
    const known = [u32(0xfff, 4096), u64(0), u32(2, 1000, 100, 0o100644), u64(attr.ino, attr.size, 24, 0)];
    const rest = Buffer.alloc(128);
    const body = [u32(0, 0), u64(0), u32(0, 0xfff)];
    const serving = new Serving();
    expect(replyTo(Opcode.STATX, body, serving)).toEqual(success(...head, ...known, ...moments, rest));
    expect(serving.calls).toEqual([
      ['getattr', 1],
      ['birth', 1],
    ]);
    serving.override.birth = () => null;
    const unknown = replyTo(Opcode.STATX, body, serving);
    expect(unknown.readUInt32LE(16 + 32)).toBe(0x7ff);
    expect(unknown.subarray(16 + 112, 16 + 128)).toEqual(Buffer.alloc(16));
  });

  it('attributes that the kernel must not cache', () => {
    expect(replyTo(Opcode.SETATTR, [Buffer.alloc(88)])).toEqual(success(u64(0), u32(0, 0), attrBytes));
  });

  it('an open file that keeps its pages, without FLUSH at close', () => {
    expect(replyTo(Opcode.OPEN, [u32(0, 0)])).toEqual(success(u64(0), u32(0b100010, 0)));
  });

  it('a created file, in passthrough', () => {
    expect(replyTo(Opcode.CREATE, [u32(2, 0o100600, 0, 0), text('f')])).toEqual(
      success(entryBytes, u64(0), u32(0b10100000, 3)),
    );
  });

  it('a file in passthrough never has KEEP_CACHE, with which the kernel would fail the open', () => {
    const serving = new Serving();
    serving.override.open = () => ({ keepCache: true, backingId: 9, direct: false });
    expect(replyTo(Opcode.OPEN, [u32(0, 0)], serving)).toEqual(success(u64(0), u32(0b10100000, 9)));
    serving.override.open = () => ({ keepCache: true, backingId: 9, direct: true });
    expect(replyTo(Opcode.OPEN, [u32(0, 0)], serving)).toEqual(success(u64(0), u32(0b10100001, 9)));
  });

  it('a target, a position, a count', () => {
    expect(replyTo(Opcode.READLINK, [])).toEqual(success(Buffer.from('a/target')));
    expect(replyTo(Opcode.LSEEK, [u64(0, 0), u32(3, 0)])).toEqual(success(u64(2 ** 34)));
    expect(replyTo(Opcode.COPY_FILE_RANGE, [u64(0, 0, 9, 0, 0, 4096, 0)])).toEqual(success(u32(4096, 0)));
    expect(replyTo(Opcode.COPY_FILE_RANGE_64, [u64(0, 0, 9, 0, 0, 4096, 0)])).toEqual(success(u64(4096)));
  });

  it('statfs', () => {
    expect(replyTo(Opcode.STATFS, [])).toEqual(success(u64(1, 2, 3, 4, 5), u32(6, 8, 7, 0), Buffer.alloc(24)));
  });

  it('an xattr: its size, its value, too little room, not set', () => {
    const ask = (room: number, serving = new Serving()): Buffer =>
      replyTo(Opcode.GETXATTR, [u32(room, 0), text('user.a')], serving);
    expect(ask(0)).toEqual(success(u32(5, 0)));
    expect(ask(5)).toEqual(success(Buffer.from('value')));
    expect(errnoOf(ask(4))).toBe(Errno.ERANGE);
    const serving = new Serving();
    serving.override.getxattr = () => null;
    expect(errnoOf(ask(5, serving))).toBe(Errno.ENODATA);
  });

  it('a list of xattrs: its size, its names, too little room', () => {
    expect(replyTo(Opcode.LISTXATTR, [u32(0, 0)])).toEqual(success(u32(15, 0)));
    expect(replyTo(Opcode.LISTXATTR, [u32(15, 0)])).toEqual(success(Buffer.from('user.a\0user.bc\0')));
    expect(errnoOf(replyTo(Opcode.LISTXATTR, [u32(14, 0)]))).toBe(Errno.ERANGE);
  });

  it('inode flags, in as many bytes as the caller has room for', () => {
    const ask = (room: number): Buffer => replyTo(Opcode.IOCTL, [u64(0), u32(0, 0x80086601), u64(0), u32(0, room)]);
    expect(ask(4)).toEqual(success(u32(0, 0, 0, 0, 0x10)));
    expect(ask(8)).toEqual(success(u32(0, 0, 0, 0, 0x10, 0)));
  });

  it('an unknown ioctl is ENOTTY', () => {
    expect(errnoOf(replyTo(Opcode.IOCTL, [u64(0), u32(0, 0x5401), u64(0), u32(0, 0)]))).toBe(Errno.ENOTTY);
  });
});

describe('listings', () => {
  const readdir = (size: number, cookie = 0): Buffer[] => [u64(0, cookie), u32(size, 0), u64(0), u32(0, 0)];
  const fill = (plus: boolean) => (_node: number, cookie: number, sink: DirectorySink) => {
    const names = ['.', 'abcdefgh', 'i'] as never[];
    for (let i = cookie; i < names.length; i++) {
      const name = names[i] as never;
      if (!sink.fits((name as string).length)) return;
      if (plus) sink.addPlus(name, 100 + i, 8, i + 1, i === 0 ? null : entry);
      else sink.add(name, 100 + i, 8, i + 1);
    }
  };
  const dirents = [
    Buffer.concat([u64(100, 1), u32(1, 8), Buffer.from('.\0\0\0\0\0\0\0')]),
    Buffer.concat([u64(101, 2), u32(8, 8), Buffer.from('abcdefgh')]),
    Buffer.concat([u64(102, 3), u32(1, 8), Buffer.from('i\0\0\0\0\0\0\0')]),
  ];

  it('READDIR: names, aligned to eight bytes', () => {
    const serving = new Serving();
    serving.override.readdir = fill(false);
    expect(replyTo(Opcode.READDIR, readdir(4096), serving)).toEqual(success(...dirents));
  });

  it('READDIR: stops when there is no more room, and continues after the cookie', () => {
    const serving = new Serving();
    serving.override.readdir = fill(false);
    expect(replyTo(Opcode.READDIR, readdir(64 + 31), serving)).toEqual(success(...dirents.slice(0, 2)));
    expect(replyTo(Opcode.READDIR, readdir(4096, 2), serving)).toEqual(success(...dirents.slice(2)));
  });

  it('READDIRPLUS: an entry before each name; . and .. without one', () => {
    const serving = new Serving();
    serving.override.readdir = fill(true);
    const none = Buffer.alloc(128);
    expect(replyTo(Opcode.READDIRPLUS, readdir(4096), serving)).toEqual(
      success(none, dirents[0] as Buffer, entryBytes, dirents[1] as Buffer, entryBytes, dirents[2] as Buffer),
    );
  });

  it('READDIRPLUS: after an error the reply has the entries before it, because they count as lookups', () => {
    const serving = new Serving();
    serving.override.readdir = (node, cookie, sink) => {
      fill(true)(node, cookie, sink);
      throw fsError(Errno.EIO, 'getdents64');
    };
    expect(errnoOf(replyTo(Opcode.READDIRPLUS, readdir(4096), serving))).toBe(0);
    expect(errnoOf(replyTo(Opcode.READDIRPLUS, readdir(4096, 3), serving))).toBe(Errno.EIO);
  });
});

describe('failures', () => {
  it('a change that fails half-way invalidates the attributes of both directories', () => {
    const serving = new Serving();
    serving.override.rename = () => {
      throw fsError(Errno.EIO, 'renameat2');
    };
    serving.serve(message(Opcode.RENAME, [u64(9), text('a'), text('b')], { nodeid: 5 }));
    expect(serving.invalidated).toEqual([5, 9]);
    serving.override.rename = () => {
      throw fsError(Errno.ENOENT, 'renameat2');
    };
    serving.serve(message(Opcode.RENAME, [u64(9), text('a'), text('b')], { nodeid: 5 }));
    expect(serving.invalidated).toEqual([5, 9]);
  });

  it('an errno of the file system is in the reply unchanged', () => {
    const serving = new Serving();
    serving.override.mkdir = () => {
      throw fsError(Errno.EDQUOT, 'mkdirat');
    };
    expect(replyTo(Opcode.MKDIR, [u32(0, 0), text('d')], serving)).toEqual(
      Buffer.concat([u32(16, -Errno.EDQUOT), u64(2 ** 33 + 2)]),
    );
    expect(serving.log).toEqual([]);
  });

  it('any other exception is EIO and one line of log', () => {
    const serving = new Serving();
    serving.override.getattr = () => {
      throw new TypeError('oops');
    };
    expect(errnoOf(replyTo(Opcode.GETATTR, [u32(0, 0), u64(0)], serving))).toBe(Errno.EIO);
    expect(serving.log).toEqual([`EIO to GETATTR (opcode 3, node 1, request ${2 ** 33 + 2}): TypeError: oops`]);
  });

  it.each([
    ['an unknown opcode', 99],
    ['OPENDIR', Opcode.OPENDIR],
    ['FLUSH', Opcode.FLUSH],
    ['ACCESS', Opcode.ACCESS],
  ])('ENOSYS: %s', (_, opcode) => {
    expect(errnoOf(replyTo(opcode, []))).toBe(Errno.ENOSYS);
  });

  it('ENOSYS to FSYNC and FSYNCDIR on a volatile upper', () => {
    const serving = new Serving(1, true, true);
    expect(errnoOf(replyTo(Opcode.FSYNC, [u64(0), u32(0, 0)], serving))).toBe(Errno.ENOSYS);
    expect(errnoOf(replyTo(Opcode.FSYNCDIR, [u64(0), u32(0, 0)], serving))).toBe(Errno.ENOSYS);
    expect(serving.calls).toEqual([]);
  });

  it('a position that is not exact as a Number is EFBIG', () => {
    const body = [u64(0), u64(2n ** 62n, 4096), u32(0, 0)];
    expect(errnoOf(replyTo(Opcode.FALLOCATE, body))).toBe(Errno.EFBIG);
  });

  it('EROFS to every change of a read-only mount', () => {
    const serving = new Serving(1, false);
    for (const name of ['UNLINK', 'SETATTR', 'WRITE', 'CREATE', 'SETXATTR', 'LINK', 'FALLOCATE'] as const) {
      expect(errnoOf(replyTo(Opcode[name], [], serving))).toBe(Errno.EROFS);
    }
    expect(serving.calls).toEqual([]);
  });

  it.each(['.', '..', 'a/b', '/', ''])('a name that could lead out of its directory is refused: %j', (name) => {
    const serving = new Serving();
    expect(errnoOf(replyTo(Opcode.UNLINK, [text(name)], serving))).toBe(Errno.EIO);
    expect(serving.calls).toEqual([]);
    expect(serving.log).toHaveLength(1);
  });

  it('a reply that the kernel refuses is logged with the name of the errno, and EIO in its place', () => {
    const serving = new Serving();
    serving.sendErrno = Errno.EINVAL;
    const replies = serving.serve(message(Opcode.GETATTR, [u32(0, 0), u64(0)], { unique: 6 }));
    expect(replies.map(errnoOf)).toEqual([0, Errno.EIO]);
    expect(serving.log).toEqual(['the kernel refused the reply to request 6 (opcode 3, 104 bytes): EINVAL']);
  });

  it('a lookup, an open or a listing whose reply the kernel did not accept is given back', () => {
    const refused = (opcode: number, body: Buffer[]): readonly Call[] => {
      const serving = new Serving();
      serving.override.readdir = (_node, _cookie, sink) => {
        sink.addPlus('.' as never, 1, 4, 1, null);
        sink.addPlus('name' as never, 1, 8, 2, entry);
      };
      serving.sendErrno = Errno.ENOENT;
      serving.serve(message(opcode, body, { nodeid: 5 }));
      return serving.calls.slice(1);
    };
    const forget = ['forget', entry.nodeid, 1];
    expect(refused(Opcode.LOOKUP, [text('n')])).toEqual([forget]);
    expect(refused(Opcode.OPEN, [u32(2, 0)])).toEqual([['release', 5, 2]]);
    expect(refused(Opcode.CREATE, [u32(2, 0o600, 0, 0), text('f')])).toEqual([['release', entry.nodeid, 2], forget]);
    expect(refused(Opcode.READDIRPLUS, [u64(0, 0), u32(4096, 0), u64(0), u32(0, 0)])).toEqual([forget]);
    expect(refused(Opcode.GETATTR, [u32(0, 0), u64(0)])).toEqual([]);
  });
});

describe('parked requests', () => {
  it('have one reply, when their work is done, and are served with their original arguments', () => {
    const serving = new Serving();
    let ready = false;
    serving.override.open = () => {
      if (!ready) throw new Parked(4);
      return { keepCache: false, backingId: 0, direct: false };
    };
    expect(serving.serve(message(Opcode.OPEN, [u32(0o1002, 0)], { unique: 10, nodeid: 6 }))).toEqual([]);
    expect(serving.serve(message(Opcode.GETATTR, [u32(0, 0), u64(0)], { unique: 12 }))).toHaveLength(1);
    serving.sent.length = 0;
    serving.dispatcher.resume([3]);
    expect(serving.sent).toEqual([]);
    ready = true;
    serving.dispatcher.resume([4]);
    serving.dispatcher.resume([4]);
    expect(serving.sent.map((answer) => answer.readBigUInt64LE(8))).toEqual([10n]);
    expect(serving.calls.at(-1)).toEqual(['open', 6, 0o1002, null]);
  });

  it('can be parked again', () => {
    const serving = new Serving();
    let key = 1;
    serving.override.getattr = () => {
      throw new Parked(key++);
    };
    serving.serve(message(Opcode.GETATTR, [u32(0, 0), u64(0)]));
    serving.dispatcher.resume([1]);
    expect([serving.sent.length, serving.dispatcher.parked.size]).toEqual([0, 1]);
  });
});
