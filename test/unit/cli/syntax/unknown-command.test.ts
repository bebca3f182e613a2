import { describe, expect, it } from 'vitest';
import { beginsWithCommand, describeUnknownCommand } from '../../../../src/cli/syntax/unknown-command.js';

describe('a first word that may be no command', () => {
  it.each([
    [['umont', '/mnt'], 'umont: not a plyfs command', 'umount'],
    [['umuont', '-l', '/mnt'], 'umuont: not a plyfs command', 'umount'],
    [['convrt', '--to', 'aufs', 'a', 'b'], 'convrt: not a plyfs command', 'convert'],
    [['rnu', '--', 'true'], 'rnu: not a plyfs command', 'run'],
    [['mout'], 'mout: neither a plyfs command nor a directory to mount on', 'mount'],
    [['help', 'umont'], 'umont: not a plyfs command', 'umount'],
  ])('%j gets a hint, because it resembles a command', (args, message, command) => {
    expect(describeUnknownCommand(args)).toBe(`${message}; did you mean '${command}'?; see plyfs --help`);
  });

  it.each([
    [['frobnicate'], 'frobnicate: neither a plyfs command nor a directory to mount on'],
    [['help', 'nope'], 'nope: not a plyfs command'],
  ])('%j gets no hint, because it resembles no command', (args, message) => {
    expect(describeUnknownCommand(args)).toBe(`${message}; see plyfs --help`);
  });

  it.each([
    [['mount', '/mnt']],
    [['help']],
    [['help', 'run']],
    [['--help']],
    [['umont', '/mnt', '-o', 'lowerdir=a']],
    [['mout', '-olowerdir=a', '/mnt']],
    [['mout', '-fo', 'lowerdir=a', '/mnt']],
    [['overlay', '/mnt']],
    [['/mount']],
    [['-f', 'umont']],
    [['src']],
  ])('%j is accepted, because it is the command line of a mount or of a command', (args) => {
    expect(describeUnknownCommand(args)).toBeNull();
  });
});

describe('the word completion', () => {
  it.each([[['completion', 'bash']], [['completion', '--help']], [['completion']], [['completion', 'tcsh']]])(
    'is a command in %j',
    (args) => expect(beginsWithCommand(args)).toBe(true),
  );

  it.each([
    [['completion', '/mnt', '-o', 'lowerdir=a']],
    [['completion', '-olowerdir=a', 'bash']],
    [['completion', '-fo', 'lowerdir=a']],
  ])('is no command in %j, which is a command line of fuse-overlayfs', (args) =>
    expect(beginsWithCommand(args)).toBe(false),
  );
});
