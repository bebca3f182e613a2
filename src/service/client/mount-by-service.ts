/** A mount that the service serves until it is unmounted, for a command line that Node has read. */
import { MountError } from '../../server/config/mount-error.js';
import type { ServiceUse } from '../../server/options/kinds/option-entry.js';
import type { MountSettings } from '../order/mount-settings.js';
import { AskedMount } from './asked-mount.js';
import { openService } from './open-service.js';

/**
 * Asks the service to mount. Resolves with `mounted`, or with the reason why the caller must serve the mount
 * itself.
 * @param print receives lines for the user
 * @throws {@link MountError} if the mount is refused
 */
export async function mountByService(
  { config, logFile }: MountSettings,
  use: ServiceUse,
  print: (line: string) => void,
): Promise<{ readonly kind: 'mounted' } | { readonly kind: 'alone'; readonly why: string }> {
  const connection = await openService(use);
  if (typeof connection === 'string') return { kind: 'alone', why: connection };
  return await new Promise((resolve, reject) => {
    let refusal: Error = MountError.of({ what: 'service', why: 'ended before the mount was ready' });
    const mount = new AskedMount(
      connection,
      { config, ...(logFile === undefined ? {} : { logFile }), lifetime: 'mount' },
      {
        message: (message) => {
          if (message.kind === 'log') print(message.line);
          if (message.kind === 'refused') refusal = new MountError(message.message, message.errno);
          if (message.kind === 'ready') {
            mount.leave();
            resolve({ kind: 'mounted' });
          }
        },
        failed: (error) => {
          refusal = error;
        },
        ended: () => reject(refusal),
      },
      { alone: (why) => resolve({ kind: 'alone', why }), lost: () => {} },
    );
    mount.begin();
  });
}
