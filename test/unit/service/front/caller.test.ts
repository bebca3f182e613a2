import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AnswerPipe } from '../../../../src/service/front/answer-pipe.js';
import { Caller, closePlace } from '../../../../src/service/front/caller.js';
import { factsOf, type ProcessFacts } from '../../../../src/sys/process/process-facts.js';

const own = factsOf(process.pid) as ProcessFacts;
const fds = (): number => readdirSync('/proc/self/fd').length;

describe('a caller', () => {
  it('has its working directory, its root and its umask, and ends', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'plyfs-caller-'));
    const child = spawn('sh', ['-c', 'umask 027; echo; read -r _', 'name', 'an argument'], { cwd: dir });
    await once(child.stdout, 'data');
    const before = fds();
    const caller = Caller.check(child.pid ?? 0, own);
    expect(caller).toBeInstanceOf(Caller);
    if (!(caller instanceof Caller)) return;
    expect(caller.words.slice(-2)).toEqual(['name', 'an argument']);
    const place = caller.takePlace();
    expect(readlinkSync(`/proc/self/fd/${place.cwd}`)).toBe(dir);
    expect(readlinkSync(`/proc/self/fd/${place.root}`)).toBe('/');
    expect([place.mountNamespace, place.umask]).toEqual([undefined, 0o027]);
    expect(caller.isAlive()).toBe(true);
    closePlace(place);
    caller.close();
    expect(fds()).toBe(before);
    const ended = once(child, 'exit');
    child.stdin.end('\n');
    await ended;
    expect(caller.isAlive()).toBe(false);
    rmSync(dir, { recursive: true });
  });

  it('is refused if it does not exist, with no fd left open', () => {
    const before = fds();
    expect(Caller.check(4_194_303, own)).toBe('it cannot be opened (ESRCH)');
    expect(Caller.check(process.pid, { ...own, groups: [12345] })).toBe('other supplementary groups');
    expect(fds()).toBe(before);
  });
});

describe('the pipe of a caller', () => {
  it('is opened if its fds 9 and 8 are the ends of a pipe without a name', async () => {
    // As in bin/plyfs: a here-document is a pipe.
    const script = 'exec 9<<END\n\nEND\nread -r _ <&9; exec 8>/proc/self/fd/9; echo; read -r a <&9; echo "$a"';
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const before = fds();
    const pipe = AnswerPipe.open(child.pid ?? 0);
    const data = once(child.stdout, 'data');
    pipe?.send('an answer');
    expect(((await data) as [Buffer])[0].toString()).toBe('an answer\n');
    pipe?.close();
    expect(fds()).toBeLessThanOrEqual(before);
  });

  it.each([
    { what: 'only the read end', script: 'exec 9<<END\n\nEND\n' },
    { what: 'the ends of two pipes', script: 'exec 9<<END\n\nEND\nexec 7<<END\n\nEND\nexec 8>/proc/self/fd/7' },
    { what: 'the ends of one pipe, the other way round', script: 'exec 8<<END\n\nEND\nexec 9>/proc/self/fd/8' },
  ])('is not opened if these fds are $what', async ({ script }) => {
    const child = spawn('sh', ['-c', `${script}\necho; read -r _`], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(readlinkSync(`/proc/${child.pid}/fd/9`)).toMatch(/^pipe:/);
    expect(AnswerPipe.open(child.pid ?? 0)).toBeUndefined();
    child.stdin.end('\n');
  });

  it('is not opened if it is another file, or if the process does not exist', async () => {
    const child = spawn('sh', ['-c', 'exec 9<>/dev/null; echo; read -r _'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(AnswerPipe.open(child.pid ?? 0)).toBeUndefined();
    const ended = once(child, 'exit');
    child.stdin.end('\n');
    await ended;
    expect(AnswerPipe.open(child.pid ?? 0)).toBeUndefined();
  });
});
