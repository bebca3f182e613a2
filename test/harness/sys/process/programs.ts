/** Starts programs, by a path of any bytes. */
import { allocate, bind, check, checkReturned, cPath } from '../call.js';

const spawnCall = bind<
  (pid: number, path: number, actions: number, attributes: number, argv: number, env: number) => number
>('int posix_spawn(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t)');
const waitpidCall = bind<(pid: number, status: number, options: number) => number>('int waitpid(int, intptr_t, int)');

/**
 * Starts a program with these arguments and no environment, and returns its pid. Fails with the errno of
 * execve(2).
 */
function spawn(path: string, args: readonly string[]): number {
  const pid = allocate(8);
  const words = allocate(8 * (args.length + 2));
  const texts = [path, ...args].map((arg) => Buffer.from(`${arg}\0`, 'latin1'));
  const memories = texts.map((text) => {
    const memory = allocate(text.length);
    text.copy(memory.buffer);
    return memory;
  });
  memories.forEach(({ address }, i) => {
    words.buffer.writeBigInt64LE(BigInt(address), i * 8);
  });
  const environment = allocate(8).address;
  checkReturned(spawnCall(pid.address, cPath(path), 0, 0, words.address, environment), 'execve', path);
  return pid.buffer.readInt32LE(0);
}

/** Runs a program to its end and returns its exit status. */
export function exec(path: string, ...args: readonly string[]): number {
  const pid = spawn(path, args);
  const status = allocate(8);
  check(waitpidCall(pid, status.address, 0), 'waitpid', path);
  return status.buffer.readInt32LE(0) >> 8;
}

/** Starts a program that runs until the caller calls the returned function. */
export function start(path: string, ...args: readonly string[]): () => void {
  const pid = spawn(path, args);
  return () => {
    process.kill(pid, 'SIGKILL');
    check(waitpidCall(pid, allocate(8).address, 0), 'waitpid', path);
  };
}
