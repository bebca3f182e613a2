import { expect, it } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import { MountError } from '../../../../src/server/config/mount-error.js';
import { startService } from '../../../../src/service/client/start-service.js';

it('a service that cannot be started is a refusal with the errno', async () => {
  const failure = await startService('/nonexistent/plyfs').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(MountError);
  expect(failure).toMatchObject({ errno: Errno.ENOENT });
  expect((failure as Error).message).toMatch(/^service: .*ENOENT/);
});
