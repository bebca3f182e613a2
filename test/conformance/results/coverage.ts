/** The operations and placements that the cases cover. */
import { type Case, PLACEMENTS } from '../case.js';

/** Returns a table with the number of cases for each operation (row) and placement (column). */
export function coverageTable(cases: readonly Case[]): string {
  const operations = [...new Set(cases.map(({ operation }) => operation))].sort();
  const count = (operation: string, placement: string): number =>
    cases.filter((one) => one.operation === operation && one.placement === placement).length;
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell === 0 ? '.' : cell).padStart(9))).join('');
  return [
    row(['operation', ...PLACEMENTS]),
    ...operations.map((operation) => row([operation, ...PLACEMENTS.map((placement) => count(operation, placement))])),
    `${cases.length} cases`,
  ].join('\n');
}
