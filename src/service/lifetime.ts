/** Decides when the server process ends: after a signal, a request, or a time without mounts. */

export interface LifetimeParts {
  /** The mounts that exist, and the callers that have asked for one. */
  activity(): number;
  /** Unmounts everything. */
  stopAll(): Promise<void>;
  /** Called once, when the process will end. From now on no caller is served. */
  ending(): void;
  /** After this time without activity the process ends, in milliseconds. Undefined: never. */
  readonly idleMs: number | undefined;
}

export class Lifetime {
  private timer: NodeJS.Timeout | undefined;
  /** Called at the end, for each request to end when all mounts are unmounted. */
  private readonly drains = new Set<() => void>();
  private hasEnded = false;
  private stopping: Promise<void> | undefined;

  constructor(private readonly parts: LifetimeParts) {
    this.changed();
  }

  /** Whether new callers are served. */
  get isOpen(): boolean {
    return !this.hasEnded && this.stopping === undefined && this.drains.size === 0;
  }

  /** Call it after each change of the activity. */
  changed(): void {
    clearTimeout(this.timer);
    if (this.hasEnded || this.stopping !== undefined || this.parts.activity() > 0) return;
    if (this.drains.size > 0) this.end();
    else if (this.parts.idleMs !== undefined) this.timer = setTimeout(() => this.end(), this.parts.idleMs);
  }

  /**
   * Ends the process when there is no activity. Until then no new caller is served.
   * @returns a function that withdraws this
   */
  drain(ending: () => void): () => void {
    this.drains.add(ending);
    this.changed();
    return () => {
      this.drains.delete(ending);
      this.changed();
    };
  }

  /** Unmounts everything and ends the process. */
  async stop(): Promise<void> {
    this.stopping ??= this.parts.stopAll().then(() => this.end());
    await this.stopping;
  }

  private end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearTimeout(this.timer);
    for (const ending of this.drains) ending();
    this.parts.ending();
  }
}
