/** The loop in which a thread stays: serves the sessions of many mounts, one request after the other. */
import { RunQueue } from '../../sys/process/run-queue.js';
import { Epoll } from '../../sys/waiting/epoll.js';
import { isHungUp } from '../../sys/waiting/poll.js';
import { Activity } from '../serve/activity.js';
import type { Session } from '../serve/session.js';
import { MessageMemory } from '../wire/message-memory.js';
import { AdaptivePoll } from './adaptive-poll.js';
import { BackgroundSyncs } from './background-syncs.js';
import { IdleGc } from './idle-gc.js';
import { ParkedSessions } from './parked-sessions.js';

/**
 * After this many requests of a lone mount, the loop looks at the fds that it has not read: the control fd
 * and the completion fd.
 */
const LOOK_INTERVAL = 64;
/** The same for several mounts. A mount that had no request lately waits for as many rounds at most. */
const SHARED_LOOK_INTERVAL = 4;
/** After this many rounds without a request, a mount is not read any more until epoll reports it. */
const PATIENCE = 4;

/** The tags of fds of the loop. Those of a mount are {@link ServedSession.tag} and the number after it. */
const CONTROL_TAG = 0;
const SYNCS_TAG = 1;

interface ServedSession {
  readonly session: Session;
  readonly onEnd: (error: Error | undefined) => void;
  /** The tag of the device fd; plus 1: of the completion fd. */
  readonly tag: number;
  /** The device is read in each round, because it had a request lately. */
  isHot: boolean;
  /** How many rounds since the last request. */
  misses: number;
  hasEnded: boolean;
}

export interface ServingLoopOptions {
  /** Stays the caller's. */
  readonly controlFd: number;
  /**
   * Called by the loop's thread when `controlFd` is readable. Makes it unreadable, or calls
   * {@link ServingLoop.stop}.
   */
  readonly onControl: () => void;
}

/**
 * Serves {@link Session}s in turn: each that has a request gets one served, then the next one. So a mount
 * with a million requests delays the others by one request at a time.
 *
 * A session that fails ends alone. All methods are called by the thread that calls {@link run}, before it or
 * from the callbacks.
 */
export class ServingLoop {
  /** For the sessions of this thread. */
  readonly memory = new MessageMemory();
  /** Whether the thread is at work: a request, a callback, the end of a session. */
  readonly activity = new Activity();

  private readonly epoll = new Epoll();
  private readonly runQueue = new RunQueue();
  private readonly polling = new AdaptivePoll(this.runQueue);
  private readonly gc = new IdleGc();
  private readonly syncs = new BackgroundSyncs((doneFd) => this.epoll.add(doneFd, SYNCS_TAG));
  /** In the order in which they were added. */
  private readonly sessions = new Map<Session, ServedSession>();
  private readonly byTag = new Map<number, ServedSession>();
  /** Those that are read in each round, in turn. */
  private readonly hot: ServedSession[] = [];
  private readonly parked = new ParkedSessions();
  private nextTag = 2;
  private isStopped = false;
  private isPaused = false;
  private isClosed = false;
  /** How many more rounds before the next {@link look}. */
  private roundsLeft = LOOK_INTERVAL;
  /** Requests served, sessions that have ended, and other work that makes garbage. */
  private worked = 0;
  /** How many nodes the sessions that have ended have left as garbage. */
  private forgottenBefore = 0;

  constructor(private readonly options: ServingLoopOptions) {
    this.epoll.add(options.controlFd, CONTROL_TAG);
  }

  /** How many sessions it serves. */
  get size(): number {
    return this.sessions.size;
  }

  /**
   * Serves `session`, after its handshake, until its mount no longer exists or {@link remove} is called. The
   * loop owns it from now on, unless this call fails.
   * @param onEnd called after the mount no longer exists or the session has failed, and is closed
   */
  add(session: Session, onEnd: (error: Error | undefined) => void): void {
    const { epoll } = this;
    const tag = this.nextTag;
    epoll.add(session.deviceFd, tag);
    try {
      epoll.add(session.completionFd, tag + 1);
    } catch (error) {
      epoll.remove(session.deviceFd);
      throw error;
    }
    this.nextTag += 2;
    const served = { session, onEnd, tag, isHot: false, misses: 0, hasEnded: false };
    this.sessions.set(session, served);
    this.byTag.set(tag, served);
    this.allowBackgroundSyncs(session);
    this.heat(served);
  }

  /**
   * Stops serving `session` and closes it, without a call of `onEnd`. Does nothing if it has ended. Its
   * parked requests get no reply; so unmount first.
   */
  remove(session: Session): void {
    const served = this.sessions.get(session);
    if (served !== undefined) this.drop(served);
  }

  /**
   * Ends the sessions whose mounts no longer exist. A mount that this thread makes directly after an unmount
   * would otherwise wait for a lock of such a session, which this thread could not end meanwhile.
   */
  endUnmounted(): void {
    for (const served of [...this.sessions.values()]) {
      if (!isHungUp(served.session.deviceFd)) continue;
      try {
        if (served.session.serveNext() === 'end') this.end(served, undefined);
      } catch (error) {
        this.end(served, asError(error));
      }
    }
  }

  /** Notes that the thread has made garbage without a request. It is collected when the loop is idle. */
  noteGarbage(): void {
    this.worked++;
  }

  /** Makes {@link run} return. */
  stop(): void {
    this.isStopped = true;
  }

  /**
   * Makes {@link run} return and leaves everything open, so that the event loop of the thread can run: it
   * frees threads that have ended. Then call `run` again.
   */
  pause(): void {
    this.isPaused = true;
  }

  /**
   * Serves until {@link stop} or {@link pause} has been called, and blocks the thread all the time. After
   * `stop` the loop and its sessions are closed, also after an error of a callback. Throws the first error of
   * closing a session.
   */
  run(): 'stopped' | 'paused' {
    this.isPaused = false;
    try {
      this.loop();
    } catch (error) {
      this.isStopped = true;
      throw error;
    } finally {
      if (this.isStopped) this.close();
    }
    return this.isStopped ? 'stopped' : 'paused';
  }

  /**
   * Serves only `session`, which the loop owns from now on, until its mount no longer exists or {@link stop}
   * has been called. Throws the error of the session. Closes everything as {@link run} does.
   */
  runAlone(session: Session): void {
    let failure: Error | undefined;
    try {
      this.add(session, (error) => {
        failure = error;
        this.stop();
      });
    } catch (error) {
      this.close();
      session.close();
      throw error;
    }
    this.run();
    if (failure !== undefined) throw failure;
  }

  private loop(): void {
    const { polling } = this;
    while (!this.isStopped && !this.isPaused) {
      const found = this.round();
      if (found) polling.found();
      else if (!polling.continues()) {
        this.sleep();
        polling.woken();
        continue;
      }
      if (found || this.sessions.size > 1) this.roundsLeft--;
      if (this.roundsLeft <= 0 || this.hot.length === 0) this.look(0);
    }
  }

  /** Gives each hot session its turn. Returns false if none of them had anything to do. */
  private round(): boolean {
    const { hot } = this;
    let found = false;
    let kept = 0;
    // Callbacks can append to `hot`.
    for (let i = 0; i < hot.length; i++) {
      const served = hot[i] as ServedSession;
      if (this.turn(served)) found = true;
      served.isHot = !served.hasEnded && (served.misses < PATIENCE || hot.length === 1);
      if (served.isHot) hot[kept++] = served;
    }
    hot.length = kept;
    return found;
  }

  /** Serves one request of a session, or prefetches for it. Returns false if there was nothing to do. */
  private turn(served: ServedSession): boolean {
    if (served.hasEnded) return false;
    const { session } = served;
    const { activity } = this;
    activity.begin();
    try {
      const found = session.serveNext();
      if (found === 'request') {
        this.worked++;
        served.misses = 0;
        if (session.hasParked) this.parked.add(session);
        return true;
      }
      if (found === 'end') this.end(served, undefined);
      else if (!session.prefetch()) {
        served.misses++;
        return false;
      }
    } catch (error) {
      this.end(served, asError(error));
    } finally {
      activity.end();
    }
    return true;
  }

  /** Waits for any fd. Collects garbage when nothing has happened for a while. */
  private sleep(): void {
    const { gc } = this;
    for (const served of this.hot) served.isHot = false;
    this.hot.length = 0;
    const { checkDelay } = this.parked;
    const ready = this.look(checkDelay < 0 ? gc.delay(this.worked) : checkDelay);
    if (ready === 0 && checkDelay < 0) gc.run(this.worked, this.forgotten);
  }

  /**
   * Waits up to `timeout` ms until any fd is readable, and handles those that are.
   * @returns how many are
   */
  private look(timeout: number): number {
    this.roundsLeft = this.sessions.size > 1 ? SHARED_LOOK_INTERVAL : LOOK_INTERVAL;
    const ready = this.epoll.wait(timeout);
    for (let i = 0; i < ready; i++) this.handle(this.epoll.tag(i));
    if (!this.parked.isEmpty) this.dropAbandoned();
    return ready;
  }

  private handle(tag: number): void {
    // A callback before this call can have ended the session.
    const served = this.byTag.get(tag & ~1);
    if (tag === CONTROL_TAG) this.control();
    else if (tag === SYNCS_TAG) this.finishSyncs();
    else if (served === undefined) return;
    else if (tag === served.tag) this.heat(served);
    else this.attempt(served.session, () => served.session.resumeCompleted());
  }

  private control(): void {
    this.activity.begin();
    try {
      this.options.onControl();
    } finally {
      this.activity.end();
    }
  }

  private finishSyncs(): void {
    for (const { session, done, errno } of this.syncs.takeFinished()) this.attempt(session, () => done(errno));
  }

  /**
   * Lets the session sync while the thread serves others. A lone mount would only lose time by it, so it
   * waits for its sync.
   */
  private allowBackgroundSyncs(session: Session): void {
    const { sessions, syncs } = this;
    session.syncBy({
      get isNeeded() {
        return sessions.size > 1;
      },
      start: (fd, datasync, done) => syncs.start(session, fd, datasync, done),
    });
  }

  /** Reads the session in the next rounds. */
  private heat(served: ServedSession): void {
    served.misses = 0;
    if (served.isHot) return;
    served.isHot = true;
    this.hot.push(served);
  }

  /** Replies to the parked requests whose callers are dying. */
  private dropAbandoned(): void {
    for (const session of this.parked.takeDue()) this.attempt(session, () => session.dropAbandoned());
  }

  /** Does nothing if the session has ended. If `action` fails, ends it. */
  private attempt(session: Session, action: () => void): void {
    const served = this.sessions.get(session);
    if (served === undefined) return;
    this.activity.begin();
    try {
      action();
    } catch (error) {
      this.end(served, asError(error));
    } finally {
      this.activity.end();
    }
  }

  private end(served: ServedSession, error: Error | undefined): void {
    let reported = error;
    try {
      this.drop(served);
    } catch (failure) {
      // The first error is the cause; what closing adds to it follows from it.
      reported ??= asError(failure);
    }
    served.onEnd(reported);
  }

  private drop(served: ServedSession): void {
    if (served.hasEnded) return;
    served.hasEnded = true;
    const { session, tag } = served;
    this.sessions.delete(session);
    this.parked.remove(session);
    this.byTag.delete(tag);
    this.worked++;
    this.forgottenBefore += session.forgotten + session.nodeCount;
    try {
      this.epoll.remove(session.deviceFd);
      this.epoll.remove(session.completionFd);
    } finally {
      session.close();
    }
  }

  private get forgotten(): number {
    let sum = this.forgottenBefore;
    for (const session of this.sessions.keys()) sum += session.forgotten;
    return sum;
  }

  /** Closes the sessions, without a call of `onEnd`. {@link run} calls it. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    let failure: Error | undefined;
    for (const served of [...this.sessions.values()]) {
      try {
        this.drop(served);
      } catch (error) {
        failure ??= asError(error);
      }
    }
    this.syncs.close();
    this.epoll.close();
    this.runQueue.close();
    if (failure !== undefined) throw failure;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
