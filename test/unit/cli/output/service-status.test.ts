import { describe, expect, it } from 'vitest';
import { statusText } from '../../../../src/cli/output/service-status.js';
import type { ServiceStatus } from '../../../../src/service/control/control-message.js';

const mount = (id: number, more: object): ServiceStatus['mounts'][number] => ({
  id,
  mountpoint: `/mnt/${id}`,
  options: 'lowerdir=/a',
  thread: 1,
  requests: 10,
  nodes: 2,
  memory: 2048,
  ...more,
});

const status = {
  supervisor: { pid: 10 },
  server: { pid: 11, rss: 52_428_800, threads: [{ thread: 1, state: 'idle', mounts: 2 }] },
  mounts: [mount(1, {}), mount(2, { mountpoint: '/mnt/\x1b[2J', requests: 123_456 })],
} as unknown as ServiceStatus;

const head = 'supervisor 10, server 11: 2 mounts, 1 thread, 50.0 MiB\n';

describe('the status of a service', () => {
  it('is a table on a terminal', () => {
    expect(statusText(status, { isTable: true })).toBe(
      `${head}
MOUNTPOINT    THREAD  REQUESTS  NODES   MEMORY  OPTIONS
/mnt/1             1        10      2  2.0 KiB  lowerdir=/a
/mnt/\\x1b[2J       1    123456      2  2.0 KiB  lowerdir=/a
`,
    );
  });

  it('is lines with tabs for a program', () => {
    expect(statusText(status, { isTable: false })).toBe(
      `${head}/mnt/1\t1\t10\t2\t2048\tlowerdir=/a\n/mnt/\\x1b[2J\t1\t123456\t2\t2048\tlowerdir=/a\n`,
    );
  });

  it('shows a thread that does not answer', () => {
    const silent = {
      ...status,
      server: { ...status.server, threads: [{ thread: 1, state: 'silent', mounts: 1 }] },
      mounts: [mount(1, { requests: null, nodes: null, memory: null })],
    } as unknown as ServiceStatus;
    expect(statusText(silent, { isTable: false })).toBe(
      'supervisor 10, server 11: 1 mount, 1 thread (1 not answering), 50.0 MiB\n/mnt/1\t1\t?\t?\t?\tlowerdir=/a\n',
    );
  });

  it('is one line without mounts', () => {
    const empty = { ...status, mounts: [] } as ServiceStatus;
    expect(statusText(empty, { isTable: true })).toBe(head.replace('2 mounts', '0 mounts'));
  });
});
