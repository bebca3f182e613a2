/** Reads what xfstests' `check` prints while it runs. */
import { oneLine } from './results.mjs';

const BEGINNING = /^([a-z0-9-]+\/\d+)\s+(.*)$/;
const DIFFERENCE_LINES = 8;

/**
 * A test begins with its name and ends with its time, "[not run] why", "[expunged]", "- output mismatch" or
 * "[failed, exit status N]"; an indented difference of the outputs follows.
 */
export class CheckOutput {
  #report;
  /**
   * @type {{ test: string, reason: string, difference: string[] } | undefined} the failure whose difference
   * is being read
   */
  #failure;

  /** @param report is called with `{ test, outcome, detail }` of each test that has ended */
  constructor(report) {
    this.#report = report;
  }

  line(line) {
    const beginning = BEGINNING.exec(line);
    if (beginning) this.#begin(beginning[1], beginning[2]);
    else if (this.#failure) this.#read(line);
  }

  end() {
    if (!this.#failure) return;
    const { test, reason, difference } = this.#failure;
    this.#failure = undefined;
    this.#report({ test, outcome: 'failed', detail: oneLine([reason, ...difference].filter(Boolean).join(' ')) });
  }

  #begin(test, rest) {
    this.end();
    const notRun = /\[not run\]\s*(.*)/.exec(rest);
    if (notRun) return this.#report({ test, outcome: 'skipped', detail: oneLine(notRun[1] || 'no reason given') });
    if (/\[expunged\]/.test(rest)) return this.#report({ test, outcome: 'skipped', detail: 'expunged' });
    if (/(^|\s)\d+s$/.test(rest)) return this.#report({ test, outcome: 'passed' });
    // A mismatch shows itself by its difference. Others: an exit status, or what `check` found in the file
    // system afterwards.
    this.#failure = { test, reason: rest.replace(/- output mismatch.*|\(see [^)]*\)/, '').trim(), difference: [] };
    return undefined;
  }

  /** The lines that the test should have written and did not, or wrote and should not have. */
  #read(line) {
    const { difference } = this.#failure;
    if (/^\s+[-+](?!--|\+\+)/.test(line) && difference.length < DIFFERENCE_LINES) difference.push(line.trim());
  }
}
