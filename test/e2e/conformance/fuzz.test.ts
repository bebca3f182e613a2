/**
 * A whole session on a real union, with a socket in place of /dev/fuse. The session answers each message once
 * and in due form, also a damaged one, changes nothing but the upper, and ends when the test requests it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServingLoop } from '../../../src/fuse/loop/serving-loop.js';
import { Device } from '../../../src/fuse/serve/device.js';
import { rowOf } from '../../../src/fuse/serve/opcodes.js';
import { Session } from '../../../src/fuse/serve/session.js';
import { MNT_DETACH, mountFs, umountFs } from '../../../src/sys/mount.js';
import { setNonBlocking } from '../../../src/sys/process/fd-passing.js';
import { openEventfd, signalEventfd } from '../../../src/sys/waiting/eventfd.js';
import { createUnion } from '../../../src/union/index.js';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, linked, symlink } from '../../conformance/tree.js';
import { fuzz, TIMEOUT_MS } from '../../fuzz/budget.js';
import { bytesOf, type Shaped, shaped } from '../../fuzz/messages.js';
import { packetPair, receive } from '../../fuzz/packet-pair.js';
import { mountsUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';
import { message, u32 } from '../../unit/fuse/kernel-message.js';

const AUFS = { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks: true };
const LOWER = {
  d: dir({ f: file('lower', { mode: 0o6755 }), e: dir({ a: 'deep' }) }),
  a: linked('several names', 'l'),
  b: linked('several names', 'l'),
  e: symlink('d/f'),
};
/** The kernel's first message, and messages that can follow it. */
const INIT = message(26, [u32(7, 45, 131072, 0xffffffff, 0), Buffer.alloc(44)], { unique: 1 });

const unavailable = mountsUnavailable();
if (unavailable !== null) process.stdout.write(`fuzz, session: skipped: ${unavailable}\n`);

describe.skipIf(unavailable !== null).each([
  ['overlay', {}],
  ['aufs', { aufs: AUFS }],
])('a session of the %s dialect', (name, dialect) => {
  let base: string;
  beforeEach(() => {
    base = makeScratch('fuzz');
    for (const one of ['lower', 'outside', 'round']) mkdirSync(join(base, one));
    for (const one of ['lower', 'outside']) materialize(join(base, one), LOWER);
  });
  afterEach(() => removeScratch(base));

  function untouched(): unknown {
    return [snapshot(join(base, 'lower')), snapshot(join(base, 'outside'))];
  }

  /** Serves the messages on new layers, and returns a line for each error. */
  function serve(shapes: readonly Shaped[]): string[] {
    const round = join(base, 'round');
    // The upper has a file system of its own, which the messages can fill or make immutable.
    mountFs('fuzz', round, 'tmpfs', 0, 'size=8m,nr_inodes=1000');
    try {
      return serveOn(join(round, 'upper'), join(round, 'work'), shapes);
    } finally {
      umountFs(round, MNT_DETACH);
    }
  }

  function serveOn(upper: string, work: string, shapes: readonly Shaped[]): string[] {
    for (const path of [upper, work]) mkdirSync(path);
    const log: string[] = [];
    const config = { lowers: [join(base, 'lower')], upper, work, volatile: false, log: (): void => {} };
    const union = createUnion({ ...config, ...dialect });
    const [device, kernel] = packetPair();
    setNonBlocking(device);
    setNonBlocking(kernel);
    const control = openEventfd();
    try {
      sys.write(kernel, INIT);
      const loop: ServingLoop = new ServingLoop({ controlFd: control, onControl: () => loop.stop() });
      const options = {
        timeout: 1,
        passthrough: 'off',
        writable: true,
        log: (line: string) => log.push(line),
      } as const;
      const session = new Session(new Device(device, options.log, loop.memory.store), union, options, loop.memory);
      session.handshake();
      for (const [i, shape] of shapes.entries()) sys.write(kernel, bytesOf(shape, 2 * i + 2));
      signalEventfd(control);
      loop.runAlone(session);
      return [
        ...wrongAnswers(receive(kernel).slice(1), shapes),
        ...log.filter((line) => !/malformed request/.test(line)),
      ];
    } finally {
      sys.close(kernel);
      sys.close(control);
    }
  }

  it(
    'answers each message once and touches nothing but its upper',
    () => {
      const before = untouched();
      fuzz(
        `session on a union of the ${name} dialect`,
        60,
        fc.property(fc.array(shaped, { minLength: 1, maxLength: 25 }), (shapes) => {
          expect(serve(shapes)).toEqual([]);
        }),
      );
      expect(untouched()).toEqual(before);
    },
    TIMEOUT_MS,
  );
});

/**
 * Returns a line for each wrong answer. Each request that waits for an answer must have one, with its own
 * length in its header, and no other request can have one.
 */
function wrongAnswers(answers: readonly Buffer[], shapes: readonly Shaped[]): string[] {
  const due = shapes.flatMap(({ opcode }, i) => (rowOf(opcode).replies ? [2 * i + 2] : []));
  // Notifications have no request; their unique number is 0.
  const replies = answers.filter((answer) => answer.readBigUInt64LE(8) !== 0n);
  const got = replies.map((answer) => Number(answer.readBigUInt64LE(8)));
  const wrong = JSON.stringify(got) === JSON.stringify(due) ? [] : [`answered ${got}, not ${due}`];
  const odd = replies.filter((answer) => answer.readUInt32LE(0) !== answer.length || answer.readInt32LE(4) > 0);
  return [...wrong, ...odd.map((answer) => `an odd answer: ${answer.toString('hex', 0, 40)}`)];
}
