import { equal } from 'node:assert/strict';
import { outcome } from '../harness/sys/index.js';

/** Asserts that `body` fails with the errno of this name. */
export function fails(code: string, body: () => unknown): void {
  equal(outcome(body), code);
}
