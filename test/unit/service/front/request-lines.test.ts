import { describe, expect, it } from 'vitest';
import { parseRequest, type Request, RequestLines } from '../../../../src/service/front/request-lines.js';

describe('the lines of callers', () => {
  it.each([
    ['ask 12 3', { kind: 'ask', pid: 12, argc: 3 }],
    ['go 12', { kind: 'go', pid: 12 }],
    // A writer was killed in the middle of a line.
    ['ask 1ask 34 5', { kind: 'ask', pid: 34, argc: 5 }],
    ['ask 12 3go 45', { kind: 'go', pid: 45 }],
    ['', undefined],
    ['ask', undefined],
    ['ask 12', undefined],
    ['ask 12 3 ', undefined],
    ['ask -1 3', undefined],
    ['ask 12345678901 3', undefined],
    ['go x', undefined],
  ] as const)('are requests or not: %j', (line, request) => {
    expect(parseRequest(line)).toEqual(request);
  });

  it('are put together from pieces, and are logged if they are no requests', () => {
    const requests: Request[] = [];
    const logged: string[] = [];
    const lines = new RequestLines(
      (request) => requests.push(request),
      (line) => logged.push(line),
    );
    for (const piece of ['ask 1', '2 3\ngo', ' 12\nnothing\x1b\n', 'x'.repeat(5000), 'y'.repeat(5000), 'ask 1 2\n']) {
      lines.add(piece);
    }
    lines.add('go 7\n');
    expect(requests).toEqual([
      { kind: 'ask', pid: 12, argc: 3 },
      { kind: 'go', pid: 12 },
      { kind: 'go', pid: 7 },
    ]);
    expect(logged).toEqual([
      'serve: request: not a request: nothing\\x1b',
      expect.stringMatching(/^serve: request: not a request: y{80}$/),
    ]);
  });
});
