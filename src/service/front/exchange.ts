/**
 * The exchange with one caller: ask, take, go, lines, end. There is exactly one mount for each command,
 * whatever happens in between. Before `go` the caller can serve itself, so the service must not mount. After
 * `go` only the service mounts, until it answers `alone`. The mount stays if the caller has read the end of
 * the answer, and is undone if it can never read it.
 */
import { asMountError } from '../../server/config/mount-error.js';
import type { AnswerPipe } from './answer-pipe.js';

/**
 * The pauses between two looks at the pipe, in milliseconds. The last one is repeated. No event reports that
 * a pipe has been read.
 */
const PAUSES_MS = [2, 5, 10, 20, 50, 100];

/** The prefix of messages, as the caller's program would print it. */
const PROGRAM = 'plyfs: ';

/** The caller of an exchange, and the actions for it. */
export interface ExchangeParts {
  readonly pipe: Pick<AnswerPipe, 'send' | 'look' | 'close'>;
  /** Whether the caller exists. A child of it can still have its pipe open. */
  isAlive(): boolean;
  /** Begins to mount. It is called at most once. */
  mount(exchange: Exchange): void;
  /** Undoes the mount, which is ready. */
  undo(): Promise<void>;
  /** Called before the answer that the mount is ready. */
  answering(): void;
  /** Called once, when the exchange is over. */
  over(): void;
  log(line: string): void;
}

type State =
  /** `take` was sent to the caller, which can still serve itself. */
  | 'taken'
  /** The mount is being made. */
  | 'mounting'
  /** The same, but the caller has ended. */
  | 'abandoned'
  /** The end of the answer was sent. */
  | 'answered'
  | 'over';

export class Exchange {
  private state: State = 'taken';
  private timer: NodeJS.Timeout | undefined;
  private pauses = 0;
  /** The mount exists, as far as is known. */
  private isMounted = false;

  constructor(private readonly parts: ExchangeParts) {}

  /** Tells the caller that the service takes its command. */
  start(): void {
    this.parts.pipe.send('take');
    this.watch();
  }

  /** The caller will not serve itself. A repetition, or a `go` of another process, has no effect. */
  go(): void {
    if (this.state !== 'taken') return;
    if (this.progress().hasLeft) {
      this.end();
      return;
    }
    this.state = 'mounting';
    this.watch();
    this.parts.mount(this);
  }

  /**
   * The service ends, and reads no `go` any more: a caller that has not sent it, or sends it, serves itself.
   */
  dismiss(): void {
    if (this.state !== 'taken') return;
    this.parts.pipe.send('alone');
    this.end();
  }

  /** A line for the caller's stderr. */
  line(text: string): void {
    if (this.state === 'mounting') this.parts.pipe.send(`say ${PROGRAM}${text}`);
  }

  /** The mount can be used. */
  ready(): void {
    if (this.state !== 'mounting' && this.state !== 'abandoned') return;
    this.isMounted = true;
    if (this.state === 'abandoned' || this.progress().hasLeft) {
      this.undo();
      return;
    }
    this.parts.answering();
    this.answer('end 0');
  }

  /** Nothing is mounted, for the reason of `message`. */
  refused(message: string): void {
    if (this.state === 'abandoned') this.end();
    if (this.state !== 'mounting') return;
    this.line(message);
    this.answer('end 1');
  }

  /** Nothing is mounted, and the service will not mount: the caller serves the mount itself. */
  declined(): void {
    if (this.state === 'abandoned') this.end();
    if (this.state === 'mounting') this.answer('alone');
  }

  /** The mount has ended, because a process has unmounted it. */
  ended(): void {
    this.isMounted = false;
  }

  /** Sends the last line. */
  private answer(line: string): void {
    this.parts.pipe.send(line);
    this.state = 'answered';
    this.watch();
    this.look();
  }

  /** Looks at the pipe after a pause, which grows. */
  private watch(): void {
    this.pauses = 0;
    this.schedule();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const pause = PAUSES_MS[Math.min(this.pauses++, PAUSES_MS.length - 1)];
    this.timer = setTimeout(() => {
      this.schedule();
      this.look();
    }, pause);
  }

  /** Does what follows from what the caller has read, or from its end. */
  private look(): void {
    const { hasLeft, isRead } = this.progress();
    switch (this.state) {
      case 'taken':
        if (hasLeft) this.end();
        break;
      case 'mounting':
        if (hasLeft) this.abandon();
        break;
      case 'answered':
        if (isRead) this.end();
        else if (hasLeft) this.undo();
        break;
      default:
    }
  }

  /**
   * Whether the caller has read everything, and whether it has ended. If its pipe cannot be examined, it
   * counts as ended: a bug in one exchange must not end the mounts of others.
   */
  private progress(): { readonly hasLeft: boolean; readonly isRead: boolean } {
    const { pipe, log } = this.parts;
    try {
      const isAlive = this.parts.isAlive();
      const { hasReader, isRead } = pipe.look();
      return { hasLeft: !isAlive || !hasReader, isRead };
    } catch (error) {
      log(`serve: a caller cannot be watched: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      return { hasLeft: true, isRead: false };
    }
  }

  /** The mount cannot be stopped while it is being made. It is undone when it is ready. */
  private abandon(): void {
    this.state = 'abandoned';
    clearTimeout(this.timer);
  }

  private undo(): void {
    const { isMounted } = this;
    this.end();
    if (!isMounted) return;
    this.parts.undo().catch((error: unknown) => {
      const { message } = asMountError(error, 'unmount');
      this.parts.log(`serve: a mount without a caller cannot be undone: ${message}`);
    });
  }

  private end(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    clearTimeout(this.timer);
    this.parts.pipe.close();
    this.parts.over();
  }
}
