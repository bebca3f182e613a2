/** Counts the results of the cases by group and target. */
export type CaseOutcome = 'passed' | 'failed' | 'notApplicable';

interface Cell {
  passed: number;
  failed: number;
  notApplicable: number;
}

export class Matrix {
  private readonly rows = new Map<string, Map<string, Cell>>();
  private readonly targets = new Set<string>();

  constructor(private readonly groups: readonly string[]) {}

  count(group: string, target: string, outcome: CaseOutcome): void {
    this.targets.add(target);
    this.cell(group, target)[outcome]++;
    this.cell('all', target)[outcome]++;
  }

  /**
   * Returns a table with a row for each group and a column for each target. A cell has the numbers of passed,
   * failed and not applicable cases.
   */
  toString(): string {
    const targets = [...this.targets];
    const groups = this.groups.filter((group) => this.rows.has(group));
    const line = (first: string, cells: readonly string[]): string =>
      first.padEnd(28) + cells.map((cell, i) => cell.padStart(Math.max(14, (targets[i] ?? '').length + 2))).join('');
    const shown = ({ passed, failed, notApplicable }: Cell): string =>
      `${passed}/${failed}/${notApplicable === 0 ? '-' : notApplicable}`;
    return [
      line('passed/failed/n.a.', targets),
      ...[...groups, 'all'].map((group) =>
        line(
          group,
          targets.map((target) => shown(this.cell(group, target))),
        ),
      ),
    ].join('\n');
  }

  private cell(group: string, target: string): Cell {
    let row = this.rows.get(group);
    if (row === undefined) {
      row = new Map();
      this.rows.set(group, row);
    }
    let cell = row.get(target);
    if (cell === undefined) {
      cell = { passed: 0, failed: 0, notApplicable: 0 };
      row.set(target, cell);
    }
    return cell;
  }
}
