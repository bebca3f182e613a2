/** The table of all faults that were tried, and their results. */
import type { Trial } from './try-operation.js';

interface Row {
  readonly setting: string;
  readonly operation: string;
  readonly fault: string;
  readonly trials: readonly Trial[];
}

export class FaultTable {
  private readonly rows: Row[] = [];

  add(setting: string, operation: string, fault: string, trials: readonly Trial[]): void {
    this.rows.push({ setting, operation, fault, trials });
  }

  /**
   * One line per operation and fault. Each request of the layers that failed has the n of its trial. After n,
   * `done` means that the operation succeeded without the request, `unreported` that the change was made and
   * its reply was lost, `FAILED` that the result was wrong.
   */
  toString(): string {
    const lines = this.rows.map(({ setting, operation, fault, trials }) => {
      const kinds = new Map<string, string[]>();
      for (const trial of trials) {
        const numbers = kinds.get(trial.kind) ?? [];
        numbers.push(`${trial.n}${suffix(trial)}`);
        kinds.set(trial.kind, numbers);
      }
      const tried = [...kinds].map(([kind, ns]) => `${kind} ${ns.join(',')}`).join(' · ');
      return `${setting} | ${operation} | ${fault} | ${tried}`;
    });
    const all = this.rows.flatMap(({ trials }) => trials);
    const count = (result: Trial['result']): number => all.filter((trial) => trial.result === result).length;
    const failed = all.filter(({ problems }) => problems.length > 0).length;
    return [
      'layers | operation | errno | operations of the layers that failed, by kind',
      ...lines,
      `${all.length} faults: ${count('refused')} refused, ${count('done')} done without them, ${count('unreported')} done and unreported, ${failed} FAILED`,
    ].join('\n');
  }
}

function suffix({ result, problems }: Trial): string {
  if (problems.length > 0) return ' FAILED';
  return result === 'refused' ? '' : ` ${result}`;
}
