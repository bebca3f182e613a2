/** Set-id bits in a union that the root of a user namespace has mounted: that root has no right to keep set-uid. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { type Outcome, Sandbox } from '../cli/sandbox.js';
import { giveToUser, lendSubordinates, openFuseDevice, runAsUser, userNamespacesUnavailable } from './ordinary-user.js';

const unavailable = userNamespacesUnavailable();

/** What changes "$f"; `../src` has content. */
const CHANGES: Readonly<Record<string, string>> = {
  truncate: 'truncate -s 3 "$f"',
  'open with O_TRUNC': ': > "$f"',
  append: 'printf x >> "$f"',
  write: 'printf x | dd of="$f" conv=notrunc status=none',
  'write of blocks': 'dd if=/dev/zero of="$f" oflag=direct bs=4096 count=1 conv=notrunc status=none',
  fallocate: 'fallocate -l 10000 "$f"',
};

/**
 * The mode that each change, made by a process that `as` starts, leaves of each mode. `stat -c %a` asks for the mode
 * alone (statx(2), STATX_MODE), so that it shows what the kernel has cached.
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

  /** It must unmount: the server keeps the namespace alive. */
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
  it.each(Object.entries(callers))('a change by %s leaves what it leaves on a plain directory', (_, as) => {
    const plain = inNamespace('a plain directory', script(as));
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(plain.stdout).toContain('append: 6777 777');
    expect(inNamespace('the kernel', script(as))).toEqual(plain);
    expect(inNamespace('plyfs', script(as))).toEqual(plain);
  });
});
