import { describe, expect, it } from 'vitest';
import { inheritAcl } from '../../../../src/union/create/default-acl.js';

const TAGS = { user: 0x01, namedUser: 0x02, group: 0x04, namedGroup: 0x08, mask: 0x10, other: 0x20 } as const;

function acl(...entries: [keyof typeof TAGS, number, number?][]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  entries.forEach(([tag, permissions, id = 0xffffffff], i) => {
    bytes.writeUInt16LE(TAGS[tag], 4 + i * 8);
    bytes.writeUInt16LE(permissions, 6 + i * 8);
    bytes.writeUInt32LE(id, 8 + i * 8);
  });
  return bytes;
}

describe('an object made under a default ACL', () => {
  it('has no ACL of its own if the mode expresses all of it', () => {
    const { mode, access } = inheritAcl(acl(['user', 7], ['group', 5], ['other', 0]), 0o666);
    expect(mode.toString(8)).toBe('640');
    expect(access).toBeNull();
  });

  it('has a mask limited by the requested group bits, and unchanged named entries', () => {
    const parent = acl(['user', 7], ['namedUser', 7, 1000], ['group', 5], ['mask', 7], ['other', 5]);
    const { mode, access } = inheritAcl(parent, 0o640);
    expect(mode.toString(8)).toBe('640');
    expect(access).toEqual(acl(['user', 6], ['namedUser', 7, 1000], ['group', 5], ['mask', 4], ['other', 0]));
  });

  it('keeps set-id and sticky bits', () => {
    expect(inheritAcl(acl(['user', 7], ['group', 7], ['other', 7]), 0o3755).mode.toString(8)).toBe('3755');
  });
});
