/**
 * Runs one case: kills a server before each of its calls, and compares the trees afterwards with the allowed
 * states.
 */
import { readFileSync } from 'node:fs';
import { CaseLayers, type Views } from './case-layers.js';
import { differences } from './compare-trees.js';
import type { Executors, RunOrder, Step } from './executor.js';
import type { KillCase } from './kill-case.js';
import type { Mode } from './modes.js';

/** Written and synced before the case begins, so that it must be present after every kill. */
const KEPT: readonly Step[] = [['save', 'kept', 'synced data']];

/**
 * Decides what to do at moment `at` of `points`, counted from 1: simulate a server's death, or kill a
 * process.
 */
export type Choice = (at: number, points: number) => 'skip' | 'simulate' | 'kill';

export interface Outcome {
  /** The number of counted calls. */
  readonly points: number;
  readonly tried: number;
  /** A line for each failure. */
  readonly failures: readonly string[];
}

export class KillRun {
  private readonly caseLayers: CaseLayers;
  private readonly failures: string[] = [];

  constructor(
    base: string,
    private readonly mode: Mode,
    private readonly killCase: KillCase,
    private readonly executors: Executors,
  ) {
    this.caseLayers = new CaseLayers(base, mode, killCase, executors);
  }

  async run(choice: Choice): Promise<Outcome> {
    const lowerBefore = this.caseLayers.lowerFacts();
    const allowed: Views[] = [];
    for (const steps of this.states()) allowed.push(await this.after(steps));
    const { calls, syncCount } = await this.runOnce({});
    if (this.killCase.syncsInBackground === true && !this.mode.volatile && syncCount === 0)
      this.failures.push('no copy was synced in the background');
    // The calls of a thread cannot be counted from outside. The loop ends at the first moment at which the
    // thread is not killed.
    const points = this.killCase.copyThread === true ? Number.POSITIVE_INFINITY : calls.length;
    let at = 1;
    let tried = 0;
    for (; at <= points; at++) {
      const chosen = choice(at, points);
      if (chosen === 'skip') continue;
      if (!(await this.killAt(at, chosen))) break;
      tried++;
      await this.judge(at, calls[at - 1] ?? 'a call', allowed);
    }
    if (this.killCase.copyThread !== true && at <= points) this.failures.push(`the operation made no call ${at}`);
    if (this.caseLayers.lowerFacts().join('\n') !== lowerBefore.join('\n'))
      this.failures.push('a lower layer has changed');
    return { points: at - 1, tried, failures: this.failures };
  }

  private order(changed: Partial<RunOrder>): RunOrder {
    const { setup = [], steps, countedPhase = 'steps', syncsInBackground = false } = this.killCase;
    const kept = countedPhase === 'mount' ? [] : KEPT;
    return {
      config: this.mode.config(this.caseLayers.layers),
      setup: [...kept, ...setup],
      steps,
      countedPhase,
      syncsInBackground,
      ...changed,
    };
  }

  private runOnce(changed: Partial<RunOrder>): ReturnType<Executors['run']> {
    this.caseLayers.reset();
    return this.executors.run(this.order(changed));
  }

  /** Returns the steps that lead to each allowed state. */
  private states(): (readonly Step[])[] {
    const { steps, allowedBetween = [] } = this.killCase;
    return [[], ...allowedBetween, ...steps.map((_, made) => steps.slice(0, made + 1))];
  }

  /** Returns the trees after `steps` and an unmount. */
  private async after(steps: readonly Step[]): Promise<Views> {
    await this.runOnce({ steps });
    return this.caseLayers.view(false);
  }

  private killAt(at: number, how: 'simulate' | 'kill'): Promise<boolean> {
    this.caseLayers.reset();
    if (this.killCase.copyThread === true) return this.executors.kill(this.order({ at, copyThread: true }));
    return how === 'kill' || this.killCase.usesThreads === true
      ? this.executors.kill(this.order({ at }))
      : this.executors.simulateKill(this.order({ at }));
  }

  private async judge(at: number, call: string, allowed: readonly Views[]): Promise<void> {
    const where = `killed before call ${at} (${call})`;
    const later = this.killCase.linkCountsLate === true && this.mode.dialect === 'aufs';
    if (this.mode.volatile && this.killCase.countedPhase !== 'mount' && !this.caseLayers.isMarked()) {
      this.failures.push(`${where}: the mark of the volatile mount is missing`);
    }
    try {
      const shown = await this.caseLayers.view(at % 2 === 0, later ? [] : [['save', 'later', 'written']]);
      const mismatch = this.mismatch(shown, allowed, later);
      if (mismatch !== null) this.failures.push(`${where}: ${mismatch}`);
      const inTheEnd = later ? this.mismatch(await this.caseLayers.view(false), allowed) : null;
      if (inTheEnd !== null) this.failures.push(`${where}, one mount later: ${inTheEnd}`);
      if (this.killCase.countedPhase !== 'mount') this.checkKept(where);
    } catch (error) {
      this.failures.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private mismatch(shown: Views, allowed: readonly Views[], anyLinks = false): string | null {
    const found = allowed.map((wanted) => [
      ...differences(shown.plyfs, wanted.plyfs, anyLinks),
      ...(shown.kernel === null || wanted.kernel === null
        ? []
        : differences(shown.kernel, wanted.kernel, anyLinks).map((line) => `by the kernel, ${line}`)),
    ]);
    if (found.some((lines) => lines.length === 0)) return null;
    const states = this.states().map((steps) => (steps.length === 0 ? 'before' : `after ${JSON.stringify(steps)}`));
    return found.map((lines, i) => `\n    not the state ${states[i]}: ${lines.join('; ')}`).join('');
  }

  private checkKept(where: string): void {
    const kept = readFileSync(`${this.caseLayers.layers.upper}/kept`, 'utf8');
    if (kept !== KEPT[0]?.[2]) this.failures.push(`${where}: synced data is lost: ${JSON.stringify(kept)}`);
  }
}
