/** Commands of a container that make a change of each kind to the tree of the layered image. */
export const CHANGES = [
  'cd /data; echo more >> keep/one; rm keep/two; echo fresh > keep/three; touch -d @981173106 keep/three',
  'rm -r renamed; mkdir renamed; echo in > renamed/in',
  'mv renamed-file moved-again; mv /opt/tool-1.0 /opt/tool-2.0; ln -sfn tool-2.0 /opt/tool',
  'ln links/a links/fourth; rm links/lower-too; chmod 2750 owned/d; chown 3:4 owned/f; mkdir -p new/deep; mkfifo new/pipe',
  'rm kinds/link; mkdir kinds/link; rm -r kinds/file; ln -s nowhere kinds/file; : > big/zeros',
  'setfattr -n user.third -v 3 attributes/f; rm "with space"; touch "new with space"',
].join('\n');

/** Commands that make a tree outside of a container, to be copied into it. */
export const TREE = `
  rm -rf tree; mkdir -p tree/sub; cd tree; echo one > one; echo two > sub/two; ln -s sub/two link
  chmod 640 one; chmod 2775 sub; touch -d @981173106 one sub/two`;
