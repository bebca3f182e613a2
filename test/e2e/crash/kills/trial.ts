/** One case: what may be shown, and whether that is what is shown after a kill before each of its calls. */
import { readFileSync } from 'node:fs';
import type { KillCase } from './case.js';
import type { Executors, RunOrder, Step } from './executor.js';
import type { Mode } from './modes.js';
import { type ShownBy, Stage } from './stage.js';
import { differences } from './trees.js';

/** Written and synced before anything else happens: it must be there whatever happens then. */
const KEPT: readonly Step[] = [['save', 'kept', 'data that somebody relies on']];

/**
 * What to do at moment `at` of `points` (the numbers begin at 1): let a server die for show, or kill a
 * process.
 */
export type Choice = (at: number, points: number) => 'nothing' | 'show' | 'kill';

export interface Outcome {
  /** How many calls there were to be killed before. */
  readonly points: number;
  readonly tried: number;
  /** Lines; none: all is well. */
  readonly failures: readonly string[];
}

export class Trial {
  private readonly stage: Stage;
  private readonly failures: string[] = [];

  constructor(
    base: string,
    private readonly mode: Mode,
    private readonly one: KillCase,
    private readonly executors: Executors,
  ) {
    this.stage = new Stage(base, mode, one, executors);
  }

  async run(choice: Choice): Promise<Outcome> {
    const lowerBefore = this.stage.lowerFacts();
    const allowed: ShownBy[] = [];
    for (const steps of this.states()) allowed.push(await this.after(steps));
    const { calls } = await this.ordered({});
    // A thread's calls cannot be counted from outside; it ends when it is not killed any more.
    const points = this.one.helper === true ? Number.POSITIVE_INFINITY : calls.length;
    let at = 1;
    let tried = 0;
    for (; at <= points; at++) {
      const chosen = choice(at, points);
      if (chosen === 'nothing') continue;
      if (!(await this.kill(at, chosen === 'kill'))) break;
      tried++;
      await this.judge(at, calls[at - 1] ?? 'a call', allowed);
    }
    if (this.one.helper !== true && at <= points) this.failures.push(`there was no call ${at} to be killed before`);
    if (this.stage.lowerFacts().join('\n') !== lowerBefore.join('\n')) this.failures.push('a lower layer has changed');
    return { points: at - 1, tried, failures: this.failures };
  }

  private order(changed: Partial<RunOrder>): RunOrder {
    const { setup = [], steps, armed = 'steps' } = this.one;
    const kept = armed === 'mount' ? [] : KEPT;
    return { config: this.mode.config(this.stage.layers), setup: [...kept, ...setup], steps, armed, ...changed };
  }

  private ordered(changed: Partial<RunOrder>): ReturnType<Executors['run']> {
    this.stage.reset();
    return this.executors.run(this.order(changed));
  }

  /** The steps that lead to each state that may be shown. */
  private states(): (readonly Step[])[] {
    const { steps, between = [] } = this.one;
    return [[], ...between, ...steps.map((_, made) => steps.slice(0, made + 1))];
  }

  /** What is shown when `steps` have been made and the union was unmounted. */
  private async after(steps: readonly Step[]): Promise<ShownBy> {
    await this.ordered({ steps });
    return this.stage.show(false);
  }

  private kill(at: number, really: boolean): Promise<boolean> {
    this.stage.reset();
    if (this.one.helper === true) return this.executors.kill(this.order({ at, helper: true }));
    return really || this.one.threads === true
      ? this.executors.kill(this.order({ at }))
      : this.executors.killForShow(this.order({ at }));
  }

  private async judge(at: number, call: string, allowed: readonly ShownBy[]): Promise<void> {
    const where = `killed before call ${at} (${call})`;
    const later = this.one.countsLinksLater === true && this.mode.dialect === 'aufs';
    if (this.mode.volatile && this.one.armed !== 'mount' && !this.stage.isMarked()) {
      this.failures.push(`${where}: nothing says that the mount was volatile`);
    }
    try {
      const shown = await this.stage.show(at % 2 === 0, later ? [] : [['save', 'later', 'written']]);
      const mismatch = this.mismatch(shown, allowed, later);
      if (mismatch !== null) this.failures.push(`${where}: ${mismatch}`);
      const inTheEnd = later ? this.mismatch(await this.stage.show(false), allowed) : null;
      if (inTheEnd !== null) this.failures.push(`${where}, one mount later: ${inTheEnd}`);
      if (this.one.armed !== 'mount') this.checkKept(where);
    } catch (error) {
      this.failures.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private mismatch(shown: ShownBy, allowed: readonly ShownBy[], anyLinks = false): string | null {
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
    const kept = readFileSync(`${this.stage.layers.upper}/kept`, 'utf8');
    if (kept !== KEPT[0]?.[2]) this.failures.push(`${where}: synced data is lost: ${JSON.stringify(kept)}`);
  }
}
