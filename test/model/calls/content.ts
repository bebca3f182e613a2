/** Calls that open a file by its path, read or change its content, and close it. */
import * as sys from '../../harness/sys/index.js';
import { call } from '../script/call.js';
import { aLength, anOffset, aPath, aText } from '../script/values.js';

/** O_NONBLOCK: open(2) of a fifo without another end must not block. */
function withFd<T>(path: string, flags: number, body: (fd: number) => T): T {
  return sys.withFd(path, flags | sys.O_NONBLOCK, body, 0o666);
}

export const contentCalls = {
  read: call(6, { path: aPath }, ({ path }, { side }) => {
    // Not a fifo or a device: their data does not depend on the layers.
    const { mode, size } = sys.stat(side.at(path));
    return sys.isRegular(mode) ? [size, sys.readFile(side.at(path))] : mode & sys.S_IFMT;
  }),
  write: call(5, { path: aPath, offset: anOffset, text: aText }, ({ path, offset, text }, { side }) =>
    withFd(side.at(path), sys.O_CREAT | sys.O_WRONLY, (fd) => sys.pwrite(fd, text, offset)),
  ),
  rewrite: call(4, { path: aPath, text: aText }, ({ path, text }, { side }) =>
    withFd(side.at(path), sys.O_CREAT | sys.O_WRONLY | sys.O_TRUNC, (fd) => sys.write(fd, text)),
  ),
  append: call(4, { path: aPath, text: aText }, ({ path, text }, { side }) =>
    withFd(side.at(path), sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, text)),
  ),
  truncate: call(4, { path: aPath, size: anOffset }, ({ path, size }, { side }) => sys.truncate(side.at(path), size)),
  copyFile: call(3, { path: aPath, to: aPath, length: aLength }, ({ path, to, length }, { side }) =>
    withFd(side.at(path), sys.O_RDONLY, (from) =>
      withFd(side.at(to), sys.O_CREAT | sys.O_WRONLY, (into) => sys.copyFileRange(from, 0, into, 0, length)),
    ),
  ),
};
