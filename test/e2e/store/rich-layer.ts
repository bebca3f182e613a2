/** A layer with an object of every kind that a layer can have. */
import { mkdirSync } from 'node:fs';
import * as sys from '../../harness/sys/index.js';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFSOCK = 0o140000;
const S_IFBLK = 0o060000;
const MIB = 1 << 20;

const at = (sec: number, nsec: number): sys.Time => ({ sec, nsec });

/** The marks by which a layer hides objects of the layers below. */
export interface Marks {
  whiteout(directory: string, name: string): void;
  opaque(directory: string): void;
}

export const overlayMarks: Marks = {
  whiteout: (directory, name) => sys.mknod(`${directory}/${name}`, S_IFCHR, 0),
  opaque: (directory) => sys.setxattr(directory, 'trusted.overlay.opaque', 'y'),
};

export const aufsMarks: Marks = {
  whiteout: (directory, name) => sys.writeFile(`${directory}/.wh.${name}`, '', 0o444),
  opaque: (directory) => sys.writeFile(`${directory}/.wh..wh..opq`, '', 0o444),
};

/** Builds the layer in `root`, which must exist. */
export function buildRichLayer(root: string, marks: Marks): void {
  mkdirSync(`${root}/dir/opaque/inner`, { recursive: true });
  mkdirSync(`${root}/dir/locked`);
  fillFiles(root);
  sys.symlink('dir/../nowhere', `${root}/symlink`);
  sys.lchown(`${root}/symlink`, sys.ALICE, sys.STAFF);
  sys.setxattr(`${root}/symlink`, 'trusted.note', 'on a symlink');
  sys.link(`${root}/symlink`, `${root}/dir/same-symlink`);
  sys.mknod(`${root}/fifo`, S_IFIFO | 0o640);
  sys.mknod(`${root}/null`, S_IFCHR | 0o666, (1 << 8) | 3);
  sys.mknod(`${root}/disk`, S_IFBLK | 0o600, (259 << 8) | 5);
  sys.mknod(`${root}/socket`, S_IFSOCK | 0o750);
  marks.whiteout(root, 'gone');
  marks.whiteout(`${root}/dir`, 'gone too');
  marks.whiteout(`${root}/dir`, Buffer.from('größe').toString('latin1'));
  marks.opaque(`${root}/dir/opaque`);
  setTimes(root);
}

function fillFiles(root: string): void {
  sys.writeFile(`${root}/file`, 'content');
  sys.chown(`${root}/file`, sys.ALICE, sys.STAFF);
  sys.setxattr(`${root}/file`, 'user.colour', 'blue');
  sys.setxattr(`${root}/file`, 'user.empty', '');
  sys.setxattr(`${root}/file`, 'trusted.note', Buffer.from([0, 255, 10]));
  sys.setxattr(`${root}/file`, 'system.posix_acl_access', sys.acl(`u::rw- user:${sys.BOB}:rwx g::r-- m::rwx o::---`));
  sys.link(`${root}/file`, `${root}/dir/same`);
  sys.link(`${root}/file`, `${root}/dir/opaque/same`);
  sys.writeFile(`${root}/program`, '#!/bin/true\n');
  sys.chown(`${root}/program`, sys.BOB, sys.STAFF);
  sys.setxattr(`${root}/program`, 'security.capability', sys.capability());
  sys.chmod(`${root}/program`, 0o6755);
  sys.writeFile(`${root}/dir/opaque/inner/empty`, '', 0o000);
  sys.writeFile(`${root}/dir/\xff\n name`, 'not UTF-8');
  const sparse = sys.open(`${root}/sparse`, sys.O_CREAT | sys.O_WRONLY);
  sys.pwrite(sparse, 'data', 8 * MIB);
  sys.ftruncate(sparse, 32 * MIB);
  sys.close(sparse);
  sys.writeFile(`${root}/large`, Buffer.alloc(3 * MIB + 5, 'plyfs'));
  sys.setxattr(`${root}/dir`, 'system.posix_acl_default', sys.acl(`u::rwx user:${sys.ALICE}:r-x g::r-x m::r-x o::r-x`));
  sys.chmod(`${root}/dir/opaque`, 0o3770);
  sys.chown(`${root}/dir/opaque`, sys.ALICE, sys.STAFF);
}

function setTimes(root: string): void {
  sys.utimens(`${root}/file`, at(1_000_000_000, 1), at(1_100_000_000, 123_456_789));
  sys.utimens(`${root}/symlink`, at(1_000_000_001, 2), at(-86_400, 999_999_999));
  sys.utimens(`${root}/fifo`, at(1, 3), at(5_000_000_000, 7));
  sys.utimens(`${root}/dir/opaque`, at(2, 4), at(1_200_000_000, 5));
  sys.utimens(`${root}/dir/locked`, at(3, 4), at(1_200_000_001, 5));
  sys.chmod(`${root}/dir/locked`, 0o000);
  sys.utimens(`${root}/dir`, at(4, 4), at(1_200_000_002, 5));
  sys.utimens(root, at(5, 4), at(1_200_000_003, 5));
}
