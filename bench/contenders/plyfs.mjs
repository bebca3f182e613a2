import { fileURLToPath } from 'node:url';
import { TestService } from '../../scripts/test-service.mjs';
import { versionOf } from '../tools.mjs';
import { mounted, NO_SERVICE } from './mounted.mjs';
import { overlayOptions } from './overlay-options.mjs';

const PROGRAM = process.env.PLYFS_PROGRAM ?? fileURLToPath(new URL('../../bin/plyfs', import.meta.url));
const installHint = 'build it: scripts/setup bench';

export const plyfs = mounted({
  name: 'plyfs',
  isServer: true,
  installHint,
  version: () => versionOf(PROGRAM),
  engine: () => ({ mountProgram: PROGRAM, environment: NO_SERVICE }),
  mountCommand: (request) => [PROGRAM, '-o', withMetacopy(request), request.root],
});

let service;

/** The same with one server for all mounts, which runs before they are measured. */
export const plyfsService = mounted({
  name: 'plyfs-service',
  isServer: true,
  installHint,
  version: () => versionOf(PROGRAM),
  unfitFor: ({ isUser }) => (isUser ? 'the service serves its own user only' : undefined),
  start: async () => {
    service = await TestService.start({ program: PROGRAM });
  },
  end: async () => {
    await service?.stop();
    service = undefined;
  },
  service: () => service,
  engine: () => ({ mountProgram: PROGRAM, mountOptions: 'service=required', environment: service.environment }),
  // If the service does not serve a mount, it fails.
  mountCommand: (request) => [PROGRAM, '-o', `${withMetacopy(request)},service=required`, request.root],
});

/** The same over libfuse 2 (docs/transports.md). */
export const plyfsNative = mounted({
  name: 'plyfs-native',
  isAside: true,
  isServer: true,
  installHint: 'it needs the optional package fuse-native and libfuse 2: scripts/setup bench',
  version: () => {
    try {
      import.meta.resolve('fuse-native');
    } catch {
      // The package is not installed.
      return undefined;
    }
    return versionOf(PROGRAM);
  },
  mountCommand: (request) => [PROGRAM, '-o', `${withMetacopy(request)},transport=fuse-native`, request.root],
});

function withMetacopy(request) {
  return `${overlayOptions(request)}${request.metacopy ? ',metacopy=on' : ''}`;
}
