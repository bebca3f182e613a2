import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { compiledProgram } from './programs.mjs';
import { toolVersions, versionOf } from './tools.mjs';

/** The facts that a figure depends on. @param {string} directory the directory of the layers */
export function machineFacts(directory) {
  const output = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' }).stdout?.trim() || null;
  return {
    date: new Date().toISOString(),
    kernel: release(),
    node: process.version,
    processor: cpus()[0]?.model ?? null,
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fileSystem: output('findmnt', '--noheadings', '--output', 'FSTYPE', '--target', directory),
    loadAtStart: loadavg()[0],
    roundTrip: versionOf('gcc') === undefined ? null : roundTrip(output),
    commit: output('git', '-C', fileURLToPath(new URL('..', import.meta.url)), 'describe', '--always', '--dirty'),
    tools: toolVersions(),
  };
}

/**
 * The microseconds that a message to another thread and its answer take, which every server of a file system
 * adds. See programs/round-trip.c.
 */
function roundTrip(output) {
  return readRoundTrip(output(compiledProgram('round-trip')));
}

/**
 * @param {string | null} text the output of round-trip; null if there is none: Ctrl-C ends that program too,
 * and is handled when it has ended
 */
export function readRoundTrip(text) {
  if (text === null) return null;
  const [asleep, awake, working] = text.split(' ').map(Number);
  return { asleep, awake: awake ?? null, working: working ?? null };
}
