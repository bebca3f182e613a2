import { expect, it } from 'vitest';
import { encodeDev } from '../../../../src/fuse/wire/reply.js';

it('a device number is packed as the kernel packs it', () => {
  expect(encodeDev(1, 3)).toBe(0x103);
  expect(encodeDev(259, 0x12345)).toBe(0x12310345);
  expect(encodeDev(0, 0)).toBe(0);
});
