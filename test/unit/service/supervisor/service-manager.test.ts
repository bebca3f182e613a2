import { describe, expect, it } from 'vitest';
import { ServiceManager } from '../../../../src/service/supervisor/service-manager.js';

describe('the manager of the service', () => {
  it.each([undefined, ''])('is not there if NOTIFY_SOCKET is %j', (socket) => {
    const manager = ServiceManager.take(socket === undefined ? {} : { NOTIFY_SOCKET: socket });
    expect(manager.notify('READY=1')).toBeUndefined();
  });

  it('is taken from the environment, so that child processes do not report to it', () => {
    const environment = { NOTIFY_SOCKET: '/nowhere/socket', OTHER: 'kept' };
    const manager = ServiceManager.take(environment);
    expect(environment).toEqual({ OTHER: 'kept' });
    expect(manager.notify('READY=1')).toMatch(/^serve: NOTIFY_SOCKET: .*ENOENT/);
  });
});
