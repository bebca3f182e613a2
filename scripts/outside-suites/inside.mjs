/**
 * Runs in a sandbox: reads its order from standard input and writes a line for each result to descriptor 3.
 */
import { mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TestService } from '../test-service.mjs';
import { detachForeignMounts } from './foreign-mounts.mjs';
import { installHelpers } from './helpers.mjs';
import { hideTmp } from './private-tmp.mjs';
import { suites } from './suites.mjs';
import { plyfsProgram, programRoot, targetOf } from './targets.mjs';

const RESULTS = 3;

const {
  word,
  setupName,
  targetName,
  service: usesService,
  checkout,
  tests,
  scratch,
} = JSON.parse(readFileSync(0, 'utf8'));
const suite = suites[word];
const target = targetOf(targetName);
const machine = join(scratch, 'machine');
mkdirSync(machine);
const kept = [checkout, scratch, programRoot(target)].filter(Boolean);
detachForeignMounts(kept);
hideTmp(join(scratch, 'tmp'), kept);
const { record } = installHelpers(target, machine);
const report = (result) => writeSync(RESULTS, `${JSON.stringify(result)}\n`);
// Tests change to other users, which need search permission on the directory.
process.umask(0o022);
const service = usesService ? await TestService.start({ program: plyfsProgram() }) : undefined;
Object.assign(process.env, service?.environment);
await suite.run({ checkout, scratch, target, targetName, tests, setup: suite.setups[setupName], report, record });
const faults = (await service?.faults()) ?? [];
if (service !== undefined) console.error(`   ${[service.summary(), ...faults].join('; ')}`);
await service?.stop();
process.exit(faults.length === 0 ? 0 : 1);
