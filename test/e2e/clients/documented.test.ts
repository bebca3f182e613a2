/** docs/containers.md: its files at their paths and its commands work, on a machine of the test's own. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../harness/checkout.js';
import { makeScratch } from '../../harness/scratch.js';
import type { Outcome } from '../harness/sandbox.js';
import { giveToUser, NAME, userNamespacesUnavailable } from '../rootless/ordinary-user.js';
import { BASE_IMAGE, makeBaseTar } from './shared/base-image.js';
import { type DocumentedFile, documentedCommands, documentedFile } from './shared/containers-document.js';
import { clientsUnavailable } from './shared/drivers.js';
import { PrivateMachine } from './shared/private-machine.js';

const unavailable = clientsUnavailable('podman', 'buildah', 'runc') ?? userNamespacesUnavailable();
const ROOT = 'podman and buildah, as root';
const USER = 'podman and buildah, as an ordinary user';
const VERSION = /^plyfs \d\S+\nNode\.js v\S+\nFUSE kernel interface \S+ to \S+\n$/;

describe.skipIf(unavailable !== null)(`docs/containers.md ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let dir: string;
  let base: string;

  beforeAll(async () => {
    dir = makeScratch('documented');
    base = makeBaseTar(dir);
    machine = await PrivateMachine.start();
    machine.addSubordinateIds(NAME);
    for (const [place, name] of [
      ['/etc/containers', 'etc'],
      ['/usr/local/bin', 'bin'],
      ['/var/lib/containers', 'var'],
    ] as const) {
      mkdirSync(join(dir, name));
      succeed(['mount', '--bind', join(dir, name), place]);
    }
    succeed(['sh', '-ec', `cd "$1"; ${documentedCommands('')}`, 'sh', CHECKOUT]);
    for (const home of ['root', 'user']) {
      put({ path: '~/.config/containers/policy.json', text: '{"default":[{"type":"insecureAcceptAnything"}]}' }, home);
      // podman's path there can have at most 50 characters.
      succeed(['install', '-d', '-m', '700', '-o', home === 'root' ? 'root' : NAME, `/run/${home}`]);
    }
    put(documentedFile('Without systemd'), 'root');
  });
  afterAll(async () => {
    await machine.end();
    rmSync(dir, { recursive: true, force: true });
  });

  function put({ path, text }: DocumentedFile, home: string): void {
    const file = path.startsWith('~/') ? join(dir, home, path.slice(2)) : machine.path(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  function succeed(command: readonly [string, ...string[]], home = 'root'): string {
    const outcome = as(command, home);
    expect(outcome, `${command.join(' ')}: ${outcome.stderr}`).toMatchObject({ status: 0 });
    return outcome.stdout;
  }

  function as(command: readonly [string, ...string[]], home: string): Outcome {
    const env = { HOME: join(dir, home), XDG_RUNTIME_DIR: `/run/${home}` };
    return machine.run(command, home === 'root' ? { env } : { env, user: NAME });
  }

  /**
   * Runs a container of podman and one of buildah, and checks which program serves their root directories.
   */
  function runContainers(home: string): void {
    expect(succeed(['sh', '-ec', documentedCommands(ROOT)], home)).toMatch(VERSION);
    succeed(['podman', 'import', base, BASE_IMAGE], home);
    const run = [
      'run',
      '--rm',
      '--network=host',
      BASE_IMAGE,
      'sh',
      '-c',
      'echo x > /x; grep " / " /proc/mounts',
    ] as const;
    expect(succeed(['podman', ...run], home)).toMatch(/ \/ fuse\.plyfs /);
    const container = succeed(['buildah', 'from', BASE_IMAGE], home).trim();
    const isolated = ['run', '--network=host', container, 'grep', ' / ', '/proc/mounts'] as const;
    expect(succeed(['buildah', ...isolated], home)).toMatch(/ fuse\.plyfs /);
    succeed(['buildah', 'rm', container], home);
  }

  it(`has files and commands that work: ${USER}`, () => {
    put(documentedFile(USER), 'user');
    giveToUser(join(dir, 'user'));
    runContainers('user');
  });

  it(`has files and commands that work: ${ROOT}`, () => {
    put(documentedFile(ROOT), 'root');
    runContainers('root');
    expect(succeed(['podman', 'info', '--format={{.Store.GraphRoot}}'])).toBe('/var/lib/containers/storage\n');
  });
});
