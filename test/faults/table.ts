/** What was tried with failing layers, and what came of it. */
import type { Trial } from './try-operation.js';

interface Row {
  readonly stage: string;
  readonly operation: string;
  readonly fault: string;
  readonly trials: readonly Trial[];
}

export class FaultTable {
  private readonly rows: Row[] = [];

  add(stage: string, operation: string, fault: string, trials: readonly Trial[]): void {
    this.rows.push({ stage, operation, fault, trials });
  }

  /**
   * One line per operation and fault. Each request of the layers that failed is named with the n of its
   * trials; behind it `done` for those that the operation did without, `untold` for a change whose answer was
   * lost, `FAILED` for what went wrong.
   */
  toString(): string {
    const lines = this.rows.map(({ stage, operation, fault, trials }) => {
      const kinds = new Map<string, string[]>();
      for (const trial of trials) {
        const told = kinds.get(trial.kind) ?? [];
        told.push(`${trial.n}${suffix(trial)}`);
        kinds.set(trial.kind, told);
      }
      const tried = [...kinds].map(([kind, ns]) => `${kind} ${ns.join(',')}`).join(' · ');
      return `${stage} | ${operation} | ${fault} | ${tried}`;
    });
    const all = this.rows.flatMap(({ trials }) => trials);
    const count = (result: Trial['result']): number => all.filter((trial) => trial.result === result).length;
    const failed = all.filter(({ problems }) => problems.length > 0).length;
    return [
      'layers | operation | errno | which of the operations of the layers failed, by kind',
      ...lines,
      `${all.length} faults: ${count('refused')} refused, ${count('done')} done without, ${count('untold')} done and not told, ${failed} FAILED`,
    ].join('\n');
  }
}

function suffix({ result, problems }: Trial): string {
  if (problems.length > 0) return ' FAILED';
  return result === 'refused' ? '' : ` ${result}`;
}
