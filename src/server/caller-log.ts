/** The `log` function of a program that uses the library. */
import { inspect } from 'node:util';

/**
 * Returns a function that calls `log` and does not throw: an exception would end the process, because lines
 * arrive as events. The first failure of `log` becomes a warning of the process, so that it is not lost.
 * @param log can also be an asynchronous function, whose promise is rejected
 */
export function callerLog(log: (line: string) => unknown): (line: string) => void {
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (hasFailed) return;
    hasFailed = true;
    const warning = `log: the function failed, and its later failures are not reported: ${inspect(error)}`;
    process.emitWarning(warning, 'PlyfsWarning');
  };
  return (line) => {
    try {
      const result = log(line);
      if (result instanceof Promise) result.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
