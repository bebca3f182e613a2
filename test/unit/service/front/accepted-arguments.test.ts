import { describe, expect, it } from 'vitest';
import { parseMount } from '../../../../src/cli/commands/parse-mount.js';
import { refusalOf } from '../../../../src/service/front/accepted-arguments.js';

/**
 * The reason why the service does not take a command line; null if it mounts nothing; undefined: it takes it.
 */
async function refusal(args: readonly string[], name = '/usr/bin/plyfs'): Promise<string | null | undefined> {
  const parsed = await parseMount(name, args);
  return parsed === undefined ? null : refusalOf(parsed);
}

describe('the service', () => {
  it.each([
    [['mount', '-o', 'lowerdir=/a:b,upperdir=c,workdir=d', '/mnt']],
    [['mount', '-t', 'aufs', '-o', 'br=/a=rw:/b=ro', 'none', 'mnt']],
    [['mount', '--docker', '/var/lib/docker', '5c1f', '/mnt']],
    [['-o', 'lowerdir=/a', '/mnt']],
    [['-o', 'lowerdir=/a', '-o', 'service=required', '/mnt']],
    [['-o', 'lowerdir=/a', '/dev/fd/7']],
    [['-o', 'lowerdir=/procedures/self:/dev/fdx:/a-proc/self', '/mnt']],
    [['serve', '-o', 'lowerdir=/a']],
  ])('takes %j', async (args) => {
    expect(await refusal(args)).toBeUndefined();
  });

  it.each([
    [['mount', '-f', '-o', 'lowerdir=/a', '/mnt'], 'it stays in the foreground'],
    [['mount', '-d', '-o', 'lowerdir=/a', '/mnt'], 'it stays in the foreground'],
    [['mount', '-o', 'lowerdir=/a,debug', '/mnt'], 'the option debug'],
    [['mount', '-o', 'remount,ro', '/mnt'], 'the option remount'],
    [['mount', '-o', 'lowerdir=/a,service=off', '/mnt'], 'the option service'],
    [['mount', '-o', 'lowerdir=/a,transport=fuse-native', '/mnt'], 'the option transport'],
    [['mount', '--transport', 'fuse-native', '-o', 'lowerdir=/a', '/mnt'], 'the option transport'],
    [['mount', '-o', 'lowerdir=/proc/self/fd/7', '/mnt'], 'a path that only the caller can resolve'],
    [['mount', '-o', 'lowerdir=/a:/dev/fd/7', '/mnt'], 'a path that only the caller can resolve'],
    [['mount', '-o', 'lowerdir=//proc/.//self/cwd', '/mnt'], 'a path that only the caller can resolve'],
    [
      ['mount', '-o', 'lowerdir=/a,upperdir=proc/self/cwd/up,workdir=/w', '/mnt'],
      'a path that only the caller can resolve',
    ],
    [['mount', '-o', 'lowerdir=/../proc/thread-self/root', '/mnt'], 'a path that only the caller can resolve'],
    [['mount', '-o', 'lowerdir=/a', '/proc/self/cwd'], 'a path that only the caller can resolve'],
    [['mount', '-o', 'lowerdir=/a,log=/dev/stderr', '/mnt'], 'a path that only the caller can resolve'],
  ])('does not take %j', async (args, why) => {
    expect(await refusal(args)).toBe(why);
  });

  it.each([
    [[]],
    [['/mnt']],
    [['mount']],
    [['mount', '--wrong', '/mnt']],
    [['moutn', '/a', '/mnt']],
    [['umount', '/mnt']],
    [['run', '--rootfs', '/a', '--ephemeral']],
    [['serve', '--status']],
    [['--help']],
    [['mount', '--help']],
    [['--version']],
  ])('finds no mount in %j', async (args) => {
    expect(await refusal(args)).toBeNull();
  });

  it('takes the command lines of mount(8)', async () => {
    expect(await parseMount('/sbin/mount.plyfs', ['src', '/mnt', '-n', '-o', 'rw,lowerdir=/a'])).toMatchObject({
      source: 'src',
      mountpoint: '/mnt',
      options: ['rw,lowerdir=/a'],
      form: 'plyfs',
    });
    expect(await parseMount('/sbin/mount.plyfs', ['src', '/mnt', '-f'])).toBeUndefined();
    expect(await parseMount('/sbin/mount.plyfs', ['src', '/mnt', '-N', '/x'])).toBeUndefined();
    expect(await parseMount('/sbin/umount.plyfs', ['/mnt'])).toBeUndefined();
  });
});
