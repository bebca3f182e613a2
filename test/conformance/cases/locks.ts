import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { fails } from '../fails.js';
import { onFile } from '../placements.js';

const { O_RDONLY, O_RDWR, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } = sys;

export const lockCases: readonly Case[] = [
  ...onFile({
    id: 'flock',
    operation: 'flock',
    title: 'flock: shared locks are compatible, an exclusive one conflicts',
    run(ctx) {
      const [one, two] = [ctx.open('d/f', O_RDONLY), ctx.open('d/f', O_RDONLY)];
      sys.flock(one, LOCK_SH | LOCK_NB);
      sys.flock(two, LOCK_SH | LOCK_NB);
      fails('EAGAIN', () => sys.flock(one, LOCK_EX | LOCK_NB));
      sys.flock(two, LOCK_UN);
      sys.flock(one, LOCK_EX | LOCK_NB);
      fails('EAGAIN', () => sys.flock(two, LOCK_SH | LOCK_NB));
    },
  }),
  ...onFile({
    id: 'flock-copy-up',
    operation: 'flock',
    title: 'a lock taken through a reader conflicts with a later writer',
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      sys.flock(reader, LOCK_EX | LOCK_NB);
      const writer = ctx.open('d/f', O_RDWR);
      sys.write(writer, 'x');
      fails('EAGAIN', () => sys.flock(writer, LOCK_EX | LOCK_NB));
    },
  }),
  ...onFile({
    id: 'flock-processes',
    operation: 'flock',
    title: 'a flock is valid between processes and ends with the descriptor',
    placements: ['upper', 'lower'],
    run(_, path) {
      const tryLock = (): number | null => spawnSync('flock', ['-n', path, 'true']).status;
      const fd = sys.open(path, O_RDWR);
      sys.flock(fd, LOCK_EX);
      equal(tryLock(), 1);
      sys.close(fd);
      equal(tryLock(), 0);
    },
  }),
  ...onFile({
    id: 'fcntl-lock',
    operation: 'fcntl',
    title: 'record locks of two open files conflict where they overlap',
    run(ctx) {
      const [one, two] = [ctx.open('d/f', O_RDWR), ctx.open('d/f', O_RDWR)];
      sys.lockOpenFile(one, sys.F_WRLCK, 0, 3);
      fails('EAGAIN', () => sys.lockOpenFile(two, sys.F_RDLCK, 2, 1));
      sys.lockOpenFile(two, sys.F_WRLCK, 3, 4);
      sys.lockOpenFile(one, sys.F_UNLCK, 0, 3);
      sys.lockOpenFile(two, sys.F_RDLCK, 0, 3);
    },
  }),
  ...onFile({
    id: 'fcntl-lock-process',
    operation: 'fcntl',
    title: "a process's record lock conflicts with an open file's, and a reader cannot lock for writing",
    run(ctx) {
      const [one, two] = [ctx.open('d/f', O_RDWR), ctx.open('d/f', O_RDONLY)];
      sys.lock(one, sys.F_WRLCK, 0, 1);
      fails('EAGAIN', () => sys.lockOpenFile(two, sys.F_RDLCK, 0, 1));
      fails('EBADF', () => sys.lock(two, sys.F_WRLCK, 0, 1));
      sys.lock(one, sys.F_UNLCK, 0, 1);
      sys.lockOpenFile(two, sys.F_RDLCK, 0, 1);
    },
  }),
];
