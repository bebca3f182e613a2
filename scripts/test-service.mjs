/** A `plyfs serve` for tests and measurements, in a temporary directory that ends with it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('../bin/plyfs', import.meta.url));

/** How long the service may need after the last unmount until it has closed the layers, in milliseconds. */
const SETTLE_MS = 15_000;
const LOOK_MS = 50;
/** How long the service may need to end. Then it is killed. */
const END_MS = 20_000;
/** How many messages are kept. */
const KEPT_LINES = 1000;

export class TestService {
  /** The last messages of the service. */
  lines = [];
  /** How many callers served themselves, by the reason. */
  #alone = new Map();
  #place;
  #program;
  #child;
  #exit;
  #firstStatus;
  #lastStatus;

  constructor(place, program, args) {
    this.#place = place;
    this.#program = program;
    this.#child = spawn(program, ['serve', ...args], {
      // A signal of the terminal is for the command beside the service.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...this.environment },
    });
    this.#exit = once(this.#child, 'exit');
    this.#exit.catch(() => {});
  }

  /**
   * Starts a service. Resolves when it accepts mounts.
   * @param {{program?: string, args?: string[]}} [how] another `bin/plyfs`, and further arguments of
   * `plyfs serve`
   */
  static async start({ program = PROGRAM, args = [] } = {}) {
    const service = new TestService(mkdtempSync(join(tmpdir(), 'plyfs-service-')), program, args);
    try {
      await service.#accepts();
      service.#firstStatus = await service.status();
      return service;
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  /** The variables with which plyfs finds this service, and tests know that they use one. */
  get environment() {
    return { PLYFS_SERVICE_DIR: this.#place, PLYFS_SERVICE: '1' };
  }

  /** The processes of the service: the supervisor, and the server process that it started first. */
  get pids() {
    return [this.#firstStatus.supervisor.pid, this.#firstStatus.server.pid];
  }

  /** The output of `plyfs serve --status --json`. */
  async status() {
    const { stdout } = await promisify(execFile)(this.#program, ['serve', '--status', '--json'], {
      env: { ...process.env, ...this.environment },
    });
    return JSON.parse(stdout);
  }

  /** The faults after the work, for which it waits until all mounts have ended. */
  async faults() {
    try {
      for (let waited = 0; waited < SETTLE_MS; waited += LOOK_MS) {
        this.#lastStatus = await this.status();
        if (this.#lastStatus.mounts.length === 0) break;
        await pause(LOOK_MS);
      }
    } catch (error) {
      return [`the service does not answer: ${error.message.trim()}`];
    }
    const { mounts, served, server } = this.#lastStatus;
    return [
      ...mounts.map(({ mountpoint }) => `still mounted: ${mountpoint}`),
      ...(server.pid === this.#firstStatus.server.pid ? [] : ['the server process has died, and was started again']),
      ...(served > 0 ? [] : ['no mount was served']),
    ];
  }

  /** How many mounts were served, and why others were not. Call it after {@link faults}. */
  summary() {
    const alone = [...this.#alone].map(([why, count]) => `; ${count} callers served themselves: ${why}`);
    return `${this.#lastStatus?.served ?? 0} mounts were served${alone.join('')}`;
  }

  /** Ends the service, and removes its directory. Mounts that are left are detached. */
  async stop() {
    this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#killAll(), END_MS);
    await this.#exit.catch(() => {});
    clearTimeout(killer);
    rmSync(this.#place, { recursive: true, force: true });
  }

  #killAll() {
    this.#child.kill('SIGKILL');
    const { pid } = this.#firstStatus?.server ?? {};
    // Its supervisor does not wait for it any more, so the pid can be that of another process.
    if (pid !== undefined && read(`/proc/${pid}/cmdline`).startsWith('plyfs serve')) process.kill(pid, 'SIGKILL');
  }

  /** Resolves when the service has reported that it accepts mounts. Rejects if it ends before. */
  async #accepts() {
    const said = new Promise((resolve) => {
      createInterface({ input: this.#child.stderr }).on('line', (line) => {
        if (/^plyfs: serve: accepts mounts/.test(line)) resolve(undefined);
        this.#keep(line);
      });
    });
    const failed = this.#exit.then(([status, signal]) => {
      throw new Error(`plyfs serve ended with ${signal ?? `status ${status}`}: ${this.lines.join('\n')}`);
    });
    await Promise.race([said, failed]);
    failed.catch(() => {});
  }

  #keep(line) {
    const [, why] = /^plyfs: serve: \d+: serves itself: (.*)$/.exec(line) ?? [];
    if (why !== undefined) this.#alone.set(why, (this.#alone.get(why) ?? 0) + 1);
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
  }
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
}
