import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { mounted } from './mounted.mjs';
import { overlayOptions } from './overlay-options.mjs';

/** The kernel's overlayfs: a limit, because it needs no switch to another process. */
export const kernel = mounted({
  name: 'kernel',
  isServer: false,
  installHint: 'modprobe overlay',
  version: () => {
    const isKnown = /\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
    return isKnown ? `overlayfs of Linux ${release()}` : undefined;
  },
  unfitFor: ({ isUser }) => (isUser ? 'an ordinary user cannot mount it' : undefined),
  engine: () => ({ environment: {} }),
  mountCommand: (request) => {
    const options = `${overlayOptions(request)}${request.metacopy ? ',metacopy=on' : ''}`;
    return ['mount', '-t', 'overlay', 'overlay', '-o', options, request.root];
  },
});
