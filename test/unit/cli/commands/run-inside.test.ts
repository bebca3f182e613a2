import { describe, expect, it } from 'vitest';
import { type InsideOrder, orderOf } from '../../../../src/cli/commands/run-inside.js';

const order: InsideOrder = { mount: ['-o', 'lowerdir=/ä', '/m'], root: '/m', command: ['ls', 'ö'], mapsOwners: true };
const asArgument = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('latin1');

describe('the order of plyfs run', () => {
  it('is read as it was written', () => {
    expect(orderOf(asArgument(order))).toEqual(order);
    expect(orderOf(asArgument({ ...order, terminal: '500:5' }))).toEqual({ ...order, terminal: '500:5' });
  });

  it.each([
    ['run-inside: not JSON: ', 'x'],
    ['run-inside: root: must be a string without NUL characters, not 5', asArgument({ ...order, root: 5 })],
    ["run-inside: command: must be a list of strings, not 'ls'", asArgument({ ...order, command: 'ls' })],
    ['run-inside: mapsOwners: must be true or false, not undefined', asArgument({ ...order, mapsOwners: undefined })],
  ])('is refused with %j if it has another form', (message, text) => {
    expect(() => orderOf(text)).toThrow(message);
  });
});
