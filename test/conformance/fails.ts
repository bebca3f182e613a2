import { equal } from 'node:assert/strict';
import { outcome } from '../harness/sys/index.js';

/** Asserts that `body` fails with the errno of this name; `what` says which of many calls it is. */
export function fails(code: string, body: () => unknown, what?: string): void {
  const came = outcome(body);
  equal(came, code, what === undefined ? undefined : `${what}: ${came} instead of ${code}`);
}
