/**
 * Set-id bits in a union that root of a user namespace has mounted: this root has no capability to keep
 * set-uid.
 */
import { chmodSync, lstatSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import {
  giveToUser,
  lendSubordinates,
  NAME,
  openFuseDevice,
  plyfsAsUser,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';

const unavailable = userNamespacesUnavailable();

/** Shell commands that change "$f"; `../src` has content. */
const CHANGES: Readonly<Record<string, string>> = {
  truncate: 'truncate -s 3 "$f"',
  'open with O_TRUNC': ': > "$f"',
  append: 'printf x >> "$f"',
  write: 'printf x | dd of="$f" conv=notrunc status=none',
  'write of blocks': 'dd if=/dev/zero of="$f" oflag=direct bs=4096 count=1 conv=notrunc status=none',
  fallocate: 'fallocate -l 10000 "$f"',
  'write to a mapping': mappedWrite('"$f"'),
};

/** A shell command that writes one byte of a file through a mapping, and waits for it. */
function mappedWrite(file: string): string {
  return `python3 -c "
import mmap, os, sys
mapped = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 0)
mapped[0:1] = bytes([120])
mapped.flush()" ${file}`;
}

/**
 * For each mode, the mode after each change, made by a process that `as` starts. `stat -c %a` requests only
 * the mode (statx(2), STATX_MODE), so it shows the mode that the kernel has cached.
 */
function script(as: string): string {
  const each = Object.entries(CHANGES).map(
    ([name, change]) => `for mode in 6666 6777 2666; do
  f=f$mode; printf content > $f; chown 7:8 $f; chmod $mode $f; stat -c %a $f > /dev/null
  f=$f ${as} sh -ec '${change}'; echo ${name}: $mode $(stat -c %a $f); rm $f
done`,
  );
  return each.join('\n');
}

describe.skipIf(unavailable !== null)(`set-id bits in a user namespace ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  let takeBack: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
    takeBack = lendSubordinates();
  });
  afterAll(() => {
    takeBack();
    closeDevice();
  });
  beforeEach(() => {
    box = new Sandbox();
    giveToUser(box.dir);
  });
  afterEach(() => box.dispose());

  const places = {
    'a plain directory': ['true', 'true'],
    'the kernel': [`mount -t overlay overlay -o "$OPTIONS,userxattr" mnt`, 'umount mnt'],
    plyfs: [`"${PLYFS}" -o "$OPTIONS" mnt`, 'umount mnt'],
  } as const;

  /**
   * Runs a script in the namespace. The script must unmount, because the server keeps the namespace alive.
   */
  function inNamespace(place: keyof typeof places, body: string): Outcome {
    const [mount, unmount] = places[place];
    const whole = `${mount}\ncd mnt\n${body}\ncd ..\n${unmount}`;
    const command = ['unshare', '-Urm', '--map-auto', 'sh', '-ec', whole];
    return runAsUser(['env', `OPTIONS=${box.options}`, ...command], box.dir);
  }

  const callers = {
    'its root': '',
    'another user': 'setpriv --reuid 5 --regid 5 --clear-groups',
    'one of the group': 'setpriv --reuid 5 --regid 8 --clear-groups',
  };
  it.each(Object.entries(callers))('a change by %s has the same effect as on a plain directory', (_, as) => {
    const plain = inNamespace('a plain directory', script(as));
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(plain.stdout).toContain('append: 6777 777');
    expect(plain.stdout).toContain('write to a mapping: 6777 6777');
    expect(inNamespace('the kernel', script(as))).toEqual(plain);
    expect(inNamespace('plyfs', script(as))).toEqual(plain);
  });

  it('a write to a mapping keeps bits and capabilities on disk, write(2) removes both', () => {
    const body = `printf content > f; chmod 6777 f; setcap cap_net_raw+ep f; cat f; stat -c %a f
${mappedWrite('f')}; stat -c %a f; getcap f; stat -c '%a %s' f
printf x >> f; getcap f; stat -c %a f`;
    const plain = inNamespace('a plain directory', body);
    expect(plain).toEqual({
      status: 0,
      stdout: 'content6777\n6777\nf cap_net_raw=ep\n6777 7\n777\n',
      stderr: '',
    });
    expect(inNamespace('the kernel', body)).toEqual(plain);
    expect(lstatSync(box.at('up/f')).mode & 0o7777).toBe(0o777);
    expect(inNamespace('plyfs', `rm f; ${body}`)).toEqual(plain);
    const mapped = `rm f; printf content > f; chmod 6777 f; ${mappedWrite('f')}`;
    expect(inNamespace('plyfs', mapped)).toMatchObject({ status: 0, stderr: '' });
    expect(lstatSync(box.at('up/f')).mode & 0o7777).toBe(0o6777);
    expect(box.read('up/f')).toBe('xontent');
  });
});

describe.skipIf(unavailable !== null)(`set-id bits of an ordinary user's mount ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = new Sandbox();
    giveToUser(box.dir);
  });
  afterEach(() => box.dispose());

  /** The mode that the mount shows before and after a write to a mapping, and the mode on the disk. */
  function writeMapped(owner: string, mode: number): string[] {
    box.write('up/f', 'content');
    expect(run('chown', [owner, box.at('up/f')]).status).toBe(0);
    chmodSync(box.at('up/f'), mode);
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir)).toEqual({ status: 0, stdout: '', stderr: '' });
    const done = runAsUser(['sh', '-ec', `stat -c %a mnt/f; ${mappedWrite('mnt/f')}; stat -c %a mnt/f`], box.dir);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(box.read('up/f')).toBe('xontent');
    return [...done.stdout.trim().split('\n'), (lstatSync(box.at('up/f')).mode & 0o7777).toString(8)];
  }

  it('a write to a mapping of an own file keeps them', () => {
    expect(writeMapped(`${NAME}:${NAME}`, 0o6777)).toEqual(['6777', '6777', '6777']);
  });

  it("a write to a mapping of another user's file removes them, and the mount shows it at once", () => {
    expect(writeMapped('root:root', 0o6777)).toEqual(['6777', '777', '777']);
  });

  it('a write to a mapping of a file of a foreign group removes set-gid, and the mount shows it at once', () => {
    expect(writeMapped(`${NAME}:root`, 0o6777)).toEqual(['6777', '4777', '4777']);
  });
});
