import { closeSync, readSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AnswerPipe } from '../../../../src/service/front/answer-pipe.js';
import { Exchange } from '../../../../src/service/front/exchange.js';
import { setNonBlocking } from '../../../../src/sys/process/fd-passing.js';
import { openPipe } from '../../../../src/sys/waiting/pipe.js';

/** One step of a caller, or of the pool that makes its mount. */
type Step =
  | 'reads take'
  | 'sends go'
  | 'sends go again'
  | 'mount is ready'
  | 'mount is refused'
  | 'mount ends'
  | 'reads a line'
  | 'reads all'
  /** All its files are closed. */
  | 'is killed'
  /** A child of it still has the pipe open. */
  | 'is killed, not its child'
  /** It gives up, and serves itself. */
  | 'closes the pipe';

const ENDS: readonly Step[] = ['is killed', 'is killed, not its child', 'closes the pipe'];

/** A caller with a real pipe, and a pool that a test controls. */
class Scene {
  private readonly reader: number;
  private readonly pipe: AnswerPipe;
  private isReaderOpen = true;
  private isAlive = true;
  readonly exchange: Exchange;
  /** The lines that the caller has read. */
  text = '';
  looks = 0;
  mounts = 0;
  undone = 0;
  answered = 0;
  overs = 0;

  constructor() {
    const [reader, writer] = openPipe();
    this.reader = reader;
    setNonBlocking(writer);
    this.pipe = new AnswerPipe(writer);
    this.exchange = new Exchange({
      pipe: {
        send: (line) => this.pipe.send(line),
        look: () => {
          this.looks++;
          return this.pipe.look();
        },
        close: () => this.pipe.close(),
      },
      isAlive: () => this.isAlive,
      mount: () => {
        this.mounts++;
      },
      undo: async () => {
        this.undone++;
      },
      answering: () => {
        this.answered++;
      },
      over: () => {
        this.overs++;
      },
      log: () => {},
    });
    this.exchange.start();
  }

  do(step: Step): void {
    switch (step) {
      case 'reads take':
      case 'reads a line':
        this.read(5);
        break;
      case 'reads all':
        this.read(65_536);
        break;
      case 'sends go':
      case 'sends go again':
        this.exchange.go();
        break;
      case 'mount is ready':
        this.exchange.line('a line');
        this.exchange.ready();
        break;
      case 'mount is refused':
        this.exchange.refused('mountpoint: /mnt: no such file or directory (ENOENT)');
        break;
      case 'mount ends':
        this.exchange.ended();
        break;
      case 'is killed':
        this.isAlive = false;
        this.closeReader();
        break;
      case 'is killed, not its child':
        this.isAlive = false;
        break;
      case 'closes the pipe':
        this.closeReader();
        break;
    }
  }

  /** Waits until the exchange has looked once more, unless it is over. */
  async look(): Promise<void> {
    const before = this.looks;
    await vi.waitUntil(() => this.looks > before || this.overs > 0 || this.mayRest(), { interval: 1 });
  }

  /** A mount that was abandoned is not looked at until it is ready. */
  private mayRest(): boolean {
    return this.mounts === 1 && (!this.isAlive || !this.isReaderOpen);
  }

  closeReader(): void {
    if (this.isReaderOpen) closeSync(this.reader);
    this.isReaderOpen = false;
  }

  private read(most: number): void {
    const buffer = Buffer.alloc(most);
    this.text += buffer.toString('utf8', 0, readSync(this.reader, buffer));
  }
}

/** All orders in which a caller can end during an exchange. */
function orders(): Step[][] {
  const result: Step[][] = [];
  for (const answer of ['mount is ready', 'mount is refused'] as const) {
    const whole: Step[] = ['reads take', 'sends go', 'sends go again', answer, 'reads a line', 'reads all'];
    result.push(whole);
    for (let index = 0; index < whole.length; index++) {
      for (const end of ENDS) {
        const before = whole.slice(0, index);
        // The pool continues after the caller's end.
        const after = before.includes('sends go') && !before.includes(answer) ? [answer] : [];
        result.push([...before, end, ...after]);
      }
    }
  }
  return result;
}

let scene: Scene;
afterEach(() => scene.closeReader());

describe.each([{ looks: true }, { looks: false }])(
  'an exchange (looks at the pipe after each step: $looks)',
  ({ looks }) => {
    it.each(orders().map((steps) => [steps.join(', '), steps] as const))(
      'makes one mount or none: %s',
      async (_, steps) => {
        scene = new Scene();
        for (const step of steps) {
          scene.do(step);
          if (looks) await scene.look();
        }
        await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
        const isMounted = steps.includes('sends go') && steps.includes('mount is ready');
        // A caller that was killed before the mount was ready can have read nothing of its end.
        const hasRead = steps.includes('reads all');
        const begins = steps.includes('sends go');
        const end = steps.findIndex((step) => ENDS.includes(step));
        const hasCaller = end < 0 || end > steps.indexOf('mount is ready');
        expect({ mounts: scene.mounts, undone: scene.undone, answered: scene.answered, overs: scene.overs }).toEqual({
          mounts: begins ? 1 : 0,
          undone: isMounted && !hasRead ? 1 : 0,
          answered: isMounted && hasCaller ? 1 : 0,
          overs: 1,
        });
      },
    );

    it('leaves a mount alone that another process has unmounted before the caller has read the answer', async () => {
      scene = new Scene();
      for (const step of ['reads take', 'sends go', 'mount is ready', 'mount ends', 'is killed'] as const) {
        scene.do(step);
        if (looks) await scene.look();
      }
      await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
      expect(scene.undone).toBe(0);
    });
  },
);

/** A caller that never reads. */
function quiet() {
  const look = vi.fn(() => ({ hasReader: true, isRead: false }));
  const nothing = (): void => {};
  return { pipe: { send: nothing, look, close: nothing }, isAlive: () => true, mount: nothing, answering: nothing };
}

describe('an exchange', () => {
  it('sends the lines of the mount, one line each, and its status', async () => {
    scene = new Scene();
    scene.do('sends go');
    scene.exchange.line('two\nlines');
    scene.do('mount is ready');
    scene.do('reads all');
    expect(scene.text).toBe('take\nsay plyfs: two\\x0alines\nsay plyfs: a line\nend 0\n');
    await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
    expect(scene.answered).toBe(1);
  });

  it('sends the reason of a refusal', async () => {
    scene = new Scene();
    scene.do('sends go');
    scene.do('mount is refused');
    scene.do('reads all');
    expect(scene.text).toBe('take\nsay plyfs: mountpoint: /mnt: no such file or directory (ENOENT)\nend 1\n');
    await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
    expect([scene.undone, scene.answered]).toEqual([0, 0]);
  });

  it('waits for a caller that reads slowly, and sends more than its pipe holds', async () => {
    scene = new Scene();
    scene.do('sends go');
    const line = 'x'.repeat(1000);
    for (let i = 0; i < 200; i++) scene.exchange.line(line);
    scene.do('mount is ready');
    while (!scene.text.endsWith('end 0\n')) {
      expect(scene.overs).toBe(0);
      scene.do('reads all');
      await scene.look();
    }
    await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
    expect(scene.text.split('\n').filter((text) => text.endsWith(line))).toHaveLength(200);
    expect(scene.answered).toBe(1);
  });

  it('is over, and its mount is undone, if its pipe cannot be examined', async () => {
    const parts = { ...quiet(), undo: vi.fn(async () => {}), over: vi.fn(), log: vi.fn() };
    const exchange = new Exchange(parts);
    exchange.start();
    exchange.go();
    exchange.ready();
    expect(parts.over).not.toHaveBeenCalled();
    parts.pipe.look.mockImplementation(() => {
      throw new RangeError('a bug');
    });
    // In a timer, where the exception would end the process with the mounts of others.
    await vi.waitUntil(() => parts.over.mock.calls.length > 0);
    expect(parts.undo).toHaveBeenCalledOnce();
    expect(parts.log).toHaveBeenCalledWith(expect.stringContaining('RangeError: a bug'));
  });

  it('does not mount after the service has dismissed the caller', async () => {
    scene = new Scene();
    scene.exchange.dismiss();
    scene.do('sends go');
    expect([scene.mounts, scene.overs]).toEqual([0, 1]);
  });

  it('continues after a dismissal if the service mounts already', async () => {
    scene = new Scene();
    scene.do('sends go');
    scene.exchange.dismiss();
    scene.do('mount is ready');
    scene.do('reads all');
    await vi.waitUntil(() => scene.overs > 0, { interval: 1 });
    expect(scene.answered).toBe(1);
  });
});
