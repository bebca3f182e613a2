/** Callers whose exchange with the service is under way while a process of the service ends. */
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable } from '../../harness/mounts.js';
import { run } from '../harness/sandbox.js';
import { ScriptedCaller } from './scripted-caller.js';
import { type RunningService, ServiceSandbox, until } from './service-under-test.js';
import { mountsOn } from './unions.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(
  `a caller of a service that ends${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let box: ServiceSandbox;
    let service: RunningService;
    const callers: ScriptedCaller[] = [];
    beforeEach(async () => {
      box = new ServiceSandbox();
      service = await box.start();
    });
    afterEach(async () => {
      for (const caller of callers.splice(0)) caller.end();
      await box.close();
    });

    function call(...options: ConstructorParameters<typeof ScriptedCaller>): ScriptedCaller {
      const caller = new ScriptedCaller(...options);
      callers.push(caller);
      return caller;
    }

    it('serves itself if the service ends before `go`', async () => {
      const caller = call(box, ['mount', '-o', box.options, 'mnt']);
      await caller.beTaken();
      service.kill('SIGTERM');
      await box.untilNoPids();
      caller.go();
      expect(await caller.read()).toBe('alone');
      expect(await service.ended()).toBe(0);
      expect(box.isMounted()).toBe(false);
    });

    it('serves itself if the service has ended before `go`', async () => {
      const caller = call(box, ['mount', '-o', box.options, 'mnt']);
      await caller.beTaken();
      service.kill('SIGTERM');
      expect(await service.ended()).toBe(0);
      expect(await caller.read()).toBe('alone');
    });

    it.runIf(process.getuid?.() === 0)(
      'finds nothing mounted in its root directory if the service ends with a server process that hangs',
      async () => {
        for (const name of ['proc', 'dev', 'merged', 'layer']) mkdirSync(box.at(`root/${name}`), { recursive: true });
        for (const name of ['bin', 'lib', 'lib64', 'usr', 'etc']) mkdirSync(box.at(`root/${name}`));
        const inside = ['proc', 'dev', 'bin', 'lib', 'lib64', 'usr', 'etc'];
        const fixtures = new URL('../../fixtures/service', import.meta.url).pathname;
        mkdirSync(box.at('root/fixtures'));
        mkdirSync(box.at('root/service'));
        try {
          for (const name of inside) run('mount', ['--bind', `/${name}`, box.at(`root/${name}`)]);
          run('mount', ['--bind', fixtures, box.at('root/fixtures')]);
          run('mount', ['--bind', box.base, box.at('root/service')]);
          const caller = call(box, ['mount', '-o', 'lowerdir=/layer:/fixtures', '/merged'], {
            wrapper: ['chroot', box.at('root')],
            program: '/fixtures/caller.sh',
            base: '/service',
          });
          await caller.beTaken();
          caller.go();
          await until(() => mountsOn(box.at('root/merged')) > 0);
          expect(await caller.read()).toBe('end 0');
          process.kill(box.pids().server, 'SIGSTOP');
          service.kill('SIGTERM');
          await service.ended();
          expect(mountsOn(box.at('root/merged'))).toBe(0);
        } finally {
          for (const name of ['merged', 'service', 'fixtures', ...inside])
            run('umount', ['-l', box.at(`root/${name}`)]);
        }
      },
    );
  },
);
