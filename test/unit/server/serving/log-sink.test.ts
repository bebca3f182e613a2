import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLogSink } from '../../../../src/server/serving/log-sink.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

describe('the log of a daemon', () => {
  let dir: string;
  beforeEach(() => {
    dir = makeScratch('log');
  });
  afterEach(() => removeScratch(dir));

  it('appends lines with the time and the pid', () => {
    const file = join(dir, 'log');
    openLogSink(file)('first');
    openLogSink(file)('second');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => line.replace(/^\S+Z plyfs\[\d+\]: /, ''))).toEqual(['first', 'second']);
  });

  it('loses lines if the file system is full', () => {
    expect(() => openLogSink('/dev/full')('a line')).not.toThrow();
  });

  it('refuses a FIFO without a reader, and does not wait for one', () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(() => openLogSink(fifo)).toThrow(`log: ${fifo}: no such device or address (ENXIO)`);
  });

  it('loses lines if the reader of a FIFO does not read', () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, 'r+');
    try {
      const sink = openLogSink(fifo);
      const line = 'x'.repeat(4000);
      for (let written = 0; written < 100; written++) sink(line);
    } finally {
      closeSync(reader);
    }
  });
});
