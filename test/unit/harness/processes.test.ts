/** The functions that read /proc for other tests, while the process they read about continues. */
import { closeSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openFilesOf } from '../../harness/machine/processes.js';

it('the open files of a process are listed without the fd that it closes after the listing', () => {
  // The fd of the listing itself is such an fd: it is listed, and closed before the links are read.
  const fd = openSync('/', 'r');
  const listed = [...openFilesOf(process.pid)];
  closeSync(fd);
  expect(listed).toContainEqual([`${fd}`, '/']);
  expect(listed.map(([, target]) => target)).not.toContain(`/proc/${process.pid}/fd`);
});

it('the open files of a process that does not exist: ENOENT', () => {
  expect(() => openFilesOf(0x7fffffff)).toThrow(/ENOENT/);
});
