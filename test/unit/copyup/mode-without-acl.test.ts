import { describe, expect, it } from 'vitest';
import { modeWithoutAcl } from '../../../src/copyup/mode-without-acl.js';
import { acl } from '../../harness/sys/index.js';

describe('the mode of a copy without its ACL', () => {
  it.each([
    ['the permissions of the group, not those of the mask', 'u::rw- user:61002:rw- g::r-- m::rw- o::---', 0o660, 0o640],
    ['the permissions of the group, limited by the mask', 'u::rwx user:61002:rwx g::rwx m::r-- o::---', 0o740, 0o740],
    ['no permission that a named user was denied', 'u::rw- user:61002:--- g::r-- m::r-- o::r--', 0o644, 0o600],
    ['no permission that a named group was denied', 'u::rw- g::rw- group:61002:r-- m::rw- o::rw-', 0o666, 0o644],
    ['the same set-id bits and owner permissions', 'u::rwx g::r-x m::r-x o::r-x', 0o6755, 0o6755],
  ])('has %s', (_, text, mode, folded) => {
    expect(modeWithoutAcl(mode, acl(text)).toString(8)).toBe(folded.toString(8));
  });
});
