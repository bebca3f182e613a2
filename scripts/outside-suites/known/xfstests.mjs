/** @type {import('../judge.mjs').Known[]} */
export const known = [
  {
    suite: 'xfstests',
    test: 'overlay/012',
    kind: 'chosen',
    reason:
      'it removes a file from the upper behind the mount; plyfs then sees the directory below it (EISDIR) where the kernel says ESTALE',
  },
  {
    suite: 'xfstests',
    test: 'overlay/022',
    kind: 'chosen',
    reason: 'it wants a refusal of an upper that is in another union; plyfs mounts it',
  },
  ...['overlay/036', 'overlay/037'].map((test) => ({
    suite: 'xfstests',
    test,
    kind: 'chosen',
    reason: 'the mount is refused as the test wants it, but in the words of plyfs and not of mount(8)',
  })),
];
