import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { compiledProgram } from './programs.mjs';
import { toolVersions, versionOf } from './tools.mjs';

/** The facts without which a figure means nothing. @param {string} directory Where the layers are. */
export function machineFacts(directory) {
  const output = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' }).stdout?.trim() || null;
  return {
    date: new Date().toISOString(),
    kernel: release(),
    node: process.version,
    processor: cpus()[0]?.model ?? null,
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fileSystem: output('stat', '--file-system', '--format=%T', directory),
    loadAtStart: loadavg()[0],
    roundTrip: versionOf('gcc') === undefined ? null : roundTrip(output),
    commit: output('git', '-C', fileURLToPath(new URL('..', import.meta.url)), 'describe', '--always', '--dirty'),
    tools: toolVersions(),
  };
}

/**
 * Microseconds that it takes to ask another thread: what every server of a file system adds. See programs/round-trip.c.
 */
function roundTrip(output) {
  return readRoundTrip(output(compiledProgram('round-trip')));
}

/**
 * @param {string | null} text What round-trip has printed; null if nothing: Ctrl-C ends it as well, and is answered
 * when it is gone.
 */
export function readRoundTrip(text) {
  if (text === null) return null;
  const [asleep, awake, working] = text.split(' ').map(Number);
  return { asleep, awake: awake ?? null, working: working ?? null };
}
