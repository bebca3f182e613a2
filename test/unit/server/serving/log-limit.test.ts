import { expect, it } from 'vitest';
import { limitLines } from '../../../../src/server/serving/log-limit.js';

it('the log passes a hundred lines at once, then one a second, and prints the number of dropped lines', () => {
  const seen: string[] = [];
  let time = 0;
  const log = limitLines(
    (line) => seen.push(line),
    () => time,
  );
  for (let i = 0; i < 250; i++) log(`line ${i}`);
  expect(seen).toHaveLength(100);
  time = 1000;
  log('later');
  log('at once again');
  expect(seen.slice(100)).toEqual(['too many log lines: 150 were dropped here', 'later']);
});
