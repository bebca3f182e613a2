import { equal } from 'node:assert/strict';
import { outcome } from '../harness/sys/index.js';

/** Asserts that `body` fails with the errno of this name. `what` identifies the call among several. */
export function fails(code: string, body: () => unknown, what?: string): void {
  const actual = outcome(body);
  equal(actual, code, what === undefined ? undefined : `${what}: ${actual} instead of ${code}`);
}
