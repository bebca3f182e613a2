#!/usr/bin/env node
// Runs a command beside a service of its own, and checks the service after that.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { TestService } from './test-service.mjs';

const HELP = `usage: node scripts/with-service.mjs COMMAND [ARGUMENT...]

Starts \`plyfs serve\` with a directory of its own, and runs COMMAND with PLYFS_SERVICE_DIR and PLYFS_SERVICE=1 in its
environment: the mounts of COMMAND are served by that service, and tests that need a server of their own are skipped.
At the end it checks that the service has served mounts, that no mount is left, and that its server process has not
died.

Status: that of COMMAND; 1 if COMMAND has succeeded and a check has failed.
`;

/** How many of the service's last messages are shown if a check fails. */
const SHOWN_LINES = 20;

const [program, ...args] = process.argv.slice(2);
if (program === undefined || program === '-h' || program === '--help') {
  (program === undefined ? process.stderr : process.stdout).write(HELP);
  process.exit(program === undefined ? 2 : 0);
}

/** A signal ends the command; the service then ends as usual. */
let command;
let interruption;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => {
    interruption = name;
    // A terminal sends SIGINT to the command too; a second one does no harm.
    command?.kill(name);
  });
}

const service = await TestService.start();
try {
  process.exitCode = interruption === undefined ? await run(service) : 1;
} finally {
  await service.stop();
}
if (interruption !== undefined) {
  process.removeAllListeners(interruption);
  process.kill(process.pid, interruption);
}

async function run(service) {
  command = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...service.environment } });
  const [status, signal] = await ended(command);
  const faults = await service.faults();
  console.error(`with-service: ${service.summary()}`);
  for (const fault of faults) console.error(`with-service: ${fault}`);
  if (faults.length > 0) for (const line of service.lines.slice(-SHOWN_LINES)) console.error(`    ${line}`);
  if (signal !== null) console.error(`with-service: ${program}: ended by ${signal}`);
  return (status ?? 1) || (faults.length > 0 ? 1 : 0);
}

async function ended(child) {
  try {
    return await once(child, 'exit');
  } catch (error) {
    console.error(`with-service: ${program}: ${error.message}`);
    return [1, null];
  }
}
