import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isRunning, procField } from '../../../src/sys/proc.js';

describe('a field of /proc/PID/status', () => {
  const status = 'Name:\tcat\nGroups:\t \nNStgid:\t4242\nCapEff:\t00000000a80425fb\n';

  it('is the text after the name', () => {
    expect(procField(status, 'CapEff')).toBe('00000000a80425fb');
    expect(procField(status, 'Name')).toBe('cat');
  });

  it('is empty if its line has no value, and never the next line', () => {
    expect(procField(status, 'Groups')).toBe('');
  });

  it('is undefined without a line of that name, and without a text', () => {
    expect(procField(status, 'Cap')).toBe(undefined);
    expect(procField(undefined, 'CapEff')).toBe(undefined);
  });
});

describe('a process', () => {
  it('is running until it ends', async () => {
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    expect(isRunning(child.pid ?? 0)).toBe(true);
    child.stdin.end();
    await once(child, 'exit');
    expect(isRunning(child.pid ?? 0)).toBe(false);
  });
});
