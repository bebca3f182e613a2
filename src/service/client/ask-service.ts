/** One request to the service of this user that is no mount: `plyfs serve --status` and `--stop`. */
import { MountError } from '../../server/config/mount-error.js';
import type { ControlRequest, WrongRequest } from '../control/control-message.js';
import type { ServiceConnection } from './service-connection.js';

/** How long a service may need for its first answer, in milliseconds. */
const ANSWER_MS = 5000;

/**
 * Sends a request, and calls `handle` for each answer until the connection ends. Rejects with
 * {@link MountError} if the service does not answer, or does not understand the request.
 * @param where the directory of the service, for messages
 */
export async function askService(
  connection: ServiceConnection,
  where: string,
  request: ControlRequest,
  handle: (answer: object) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let hasAnswered = false;
    const refuse = (why: string): void => {
      clearTimeout(timer);
      connection.abort();
      reject(MountError.of({ what: 'serve', where, why }));
    };
    const timer = setTimeout(() => refuse('the service does not answer'), ANSWER_MS);
    connection.listen({
      answer: (value) => {
        clearTimeout(timer);
        hasAnswered = true;
        const answer = value as object;
        if (isWrong(answer)) refuse(answer.message);
        else handle(answer);
      },
      failed: refuse,
      closed: () => {
        if (hasAnswered) resolve();
        else refuse('the service ended before it answered');
      },
    });
    connection.send(request);
  });
}

function isWrong(answer: object): answer is WrongRequest {
  return 'kind' in answer && answer.kind === 'wrong';
}
