/** The sessions with parked requests, whose callers must be checked now and then: they can die meanwhile. */
import type { Session } from '../serve/session.js';

export class ParkedSessions {
  private readonly sessions = new Set<Session>();
  /** When callers were checked the last time. */
  private checkedAt = 0;

  get isEmpty(): boolean {
    return this.sessions.size === 0;
  }

  /** Notes a session that has parked requests. */
  add(session: Session): void {
    this.sessions.add(session);
  }

  remove(session: Session): void {
    this.sessions.delete(session);
  }

  /** How many milliseconds to wait before the next {@link takeDue}; -1: no check is due. */
  get checkDelay(): number {
    let delay = -1;
    for (const session of this.sessions) {
      if (session.hasParked) delay = Math.max(delay, session.checkDelay);
      else this.sessions.delete(session);
    }
    return delay;
  }

  /** Returns the sessions to check now: none if they were checked a moment ago. */
  takeDue(): Session[] {
    const delay = this.checkDelay;
    const now = performance.now();
    if (delay < 0 || now - this.checkedAt < delay) return [];
    this.checkedAt = now;
    return [...this.sessions].filter((session) => session.checkDelay >= 0);
  }
}
