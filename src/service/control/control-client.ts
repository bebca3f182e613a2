/** The connection of `plyfs serve --status` and `--stop`: one request to the service of this user. */
import { connect, type Socket } from 'node:net';
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import { CheckedDirectory, NAMES } from '../directory/checked-directory.js';
import type { DirectoryPath } from '../directory/locate-directory.js';
import type { ControlRequest, WrongRequest } from './control-message.js';
import { onLines, sendLine } from './json-lines.js';

/** How long a service may need for its first answer, in milliseconds. */
const ANSWER_MS = 5000;

export class ControlClient {
  private constructor(
    private readonly socket: Socket,
    private readonly path: string,
  ) {}

  /**
   * Connects. Resolves with undefined if no service runs.
   * @throws {@link MountError} if the directory is not safe
   */
  static async connect(path: DirectoryPath): Promise<ControlClient | undefined> {
    const directory = CheckedDirectory.open(path);
    if (directory?.readPids() === undefined) {
      directory?.close();
      return undefined;
    }
    try {
      const socket = connect(directory.pathOf(NAMES.control));
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject);
      });
      return new ControlClient(socket, path.directory);
    } catch (error) {
      const errno = errnoOf(error);
      // It was killed, and has left its socket.
      if (errno === Errno.ECONNREFUSED || errno === Errno.ENOENT) return undefined;
      throw error;
    } finally {
      directory.close();
    }
  }

  /**
   * Sends a request, and calls `handle` for each answer until the connection ends. Rejects with
   * {@link MountError} if the service does not answer, or does not understand the request.
   */
  async ask(request: ControlRequest, handle: (answer: object) => void): Promise<void> {
    const { socket, path } = this;
    await new Promise<void>((resolve, reject) => {
      const refuse = (why: string): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(MountError.of({ what: 'serve', where: path, why }));
      };
      const timer = setTimeout(() => refuse('the service does not answer'), ANSWER_MS);
      onLines(socket, (line) => {
        clearTimeout(timer);
        const answer = JSON.parse(line) as object;
        if (isWrong(answer)) refuse(answer.message);
        else handle(answer);
      });
      socket.once('error', ({ message }) => refuse(message));
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      sendLine(socket, request);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

function isWrong(answer: object): answer is WrongRequest {
  return 'kind' in answer && answer.kind === 'wrong';
}
