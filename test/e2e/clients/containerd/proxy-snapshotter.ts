/**
 * A containerd snapshotter that mounts snapshots with a FUSE program, as fuse-overlayfs-snapshotter does. It
 * keeps its state in memory; the snapshots are directories below its root.
 */
import { chmodSync, chownSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('snapshots.proto', import.meta.url));
const SERVICE = 'containerd.services.snapshots.v1.Snapshots';

type Kind = 'VIEW' | 'ACTIVE' | 'COMMITTED';
type Labels = Readonly<Record<string, string>>;

interface Snapshot {
  /** The name of its directory, which does not change when a commit renames the snapshot. */
  readonly id: number;
  readonly kind: Kind;
  /** The key of the parent; empty: none. */
  readonly parent: string;
  readonly labels: Labels;
  readonly created: Date;
}

interface Mount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

interface Request {
  readonly key: string;
  readonly name: string;
  readonly parent: string;
  readonly labels: Labels;
  readonly info: { readonly name: string; readonly labels: Labels };
}

/** An error with a gRPC status, which containerd interprets. */
class Refusal extends Error {
  constructor(
    readonly code: status,
    what: string,
  ) {
    super(what);
  }
}

export class ProxySnapshotter {
  private readonly snapshots = new Map<string, Snapshot>();
  private readonly server = new Server();
  private made = 0;

  /** @param program the name of the program in the PATH of containerd, or its absolute path */
  constructor(
    private readonly root: string,
    private readonly program: string,
  ) {
    mkdirSync(root, { recursive: true });
  }

  async start(socket: string): Promise<void> {
    const service = loadSync(PROTO, { longs: Number, enums: String, defaults: true })[SERVICE];
    const answer =
      (work: (request: Request) => object) => (call: { request: Request }, done: sendUnaryData<object>) => {
        try {
          done(null, work(call.request));
        } catch (error) {
          if (error instanceof Refusal) done({ code: error.code, details: error.message });
          else done({ code: status.INTERNAL, details: String(error) });
        }
      };
    this.server.addService(service as ServiceDefinition, {
      Prepare: answer((request) => this.make(request, 'ACTIVE')),
      View: answer((request) => this.make(request, 'VIEW')),
      Mounts: answer(({ key }) => ({ mounts: this.mountsOf(this.find(key)) })),
      Commit: answer((request) => this.commit(request)),
      Remove: answer(({ key }) => this.remove(key)),
      Stat: answer(({ key }) => ({ info: infoOf(key, this.find(key)) })),
      Update: answer(({ info }) => this.update(info.name, info.labels)),
      List: (call: ServerWritableStream<Request, object>) => this.list(call),
      Usage: answer(() => ({ size: 0, inodes: 0 })),
      Cleanup: answer(() => ({})),
    });
    await new Promise<void>((resolve, reject) => {
      this.server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  stop(): void {
    this.server.forceShutdown();
  }

  /** The number of snapshots. */
  get size(): number {
    return this.snapshots.size;
  }

  private find(key: string): Snapshot {
    const snapshot = this.snapshots.get(key);
    if (snapshot === undefined) throw new Refusal(status.NOT_FOUND, `snapshot ${key}: not found`);
    return snapshot;
  }

  private make({ key, parent, labels }: Request, kind: Kind): object {
    if (this.snapshots.has(key)) throw new Refusal(status.ALREADY_EXISTS, `snapshot ${key}: already exists`);
    if (parent !== '' && this.find(parent).kind !== 'COMMITTED') {
      throw new Refusal(status.INVALID_ARGUMENT, `snapshot ${parent}: not committed`);
    }
    this.made += 1;
    const snapshot: Snapshot = { id: this.made, kind, parent, labels, created: new Date() };
    const fs = this.directory(snapshot, 'fs');
    mkdirSync(fs, { recursive: true });
    // Set the mode explicitly, because mkdir(2) applies the umask.
    chmodSync(fs, 0o755);
    if (kind === 'ACTIVE') mkdirSync(this.directory(snapshot, 'work'));
    if (parent !== '') {
      const { uid, gid } = statSync(this.directory(this.find(parent), 'fs'));
      chownSync(fs, uid, gid);
    }
    this.snapshots.set(key, snapshot);
    return { mounts: this.mountsOf(snapshot) };
  }

  private mountsOf(snapshot: Snapshot): Mount[] {
    const writable = snapshot.kind === 'ACTIVE';
    const parents = this.parentsOf(snapshot).map((parent) => this.directory(parent, 'fs'));
    const bind = (source: string): Mount[] => [{ type: 'bind', source, options: [writable ? 'rw' : 'ro', 'rbind'] }];
    const [parent] = parents;
    if (parent === undefined) return bind(this.directory(snapshot, 'fs'));
    if (!writable && parents.length === 1) return bind(parent);
    const upper = writable
      ? [`workdir=${this.directory(snapshot, 'work')}`, `upperdir=${this.directory(snapshot, 'fs')}`]
      : [];
    const options = [...upper, `lowerdir=${parents.join(':')}`, ...mappings(snapshot.labels)];
    return [{ type: `fuse3.${this.program}`, source: 'overlay', options }];
  }

  /** Returns the parents of a snapshot, nearest first. */
  private parentsOf({ parent }: Snapshot): Snapshot[] {
    if (parent === '') return [];
    const snapshot = this.find(parent);
    return [snapshot, ...this.parentsOf(snapshot)];
  }

  private commit({ key, name, labels }: Request): object {
    const snapshot = this.find(key);
    if (this.snapshots.has(name)) throw new Refusal(status.ALREADY_EXISTS, `snapshot ${name}: already exists`);
    this.snapshots.set(name, { ...snapshot, kind: 'COMMITTED', labels });
    this.snapshots.delete(key);
    return {};
  }

  private remove(key: string): object {
    const snapshot = this.find(key);
    if ([...this.snapshots.values()].some(({ parent }) => parent === key)) {
      throw new Refusal(status.FAILED_PRECONDITION, `snapshot ${key}: has children`);
    }
    rmSync(join(this.root, String(snapshot.id)), { recursive: true });
    this.snapshots.delete(key);
    return {};
  }

  private update(key: string, labels: Labels): object {
    const updated = { ...this.find(key), labels };
    this.snapshots.set(key, updated);
    return { info: infoOf(key, updated) };
  }

  private list(call: ServerWritableStream<Request, object>): void {
    call.write({ info: [...this.snapshots].map(([key, snapshot]) => infoOf(key, snapshot)) });
    call.end();
  }

  private directory({ id }: Snapshot, name: 'fs' | 'work'): string {
    return join(this.root, String(id), name);
  }
}

/**
 * Returns mount options that map the ids of a container in a user namespace, if the client leaves the mapping
 * to the snapshotter.
 */
function mappings(labels: Labels): string[] {
  return ['uidmapping', 'gidmapping'].flatMap((name) => {
    const mapping = labels[`containerd.io/snapshot/${name}`];
    return mapping === undefined ? [] : [`${name}=${mapping.replaceAll(',', ':')}`];
  });
}

function infoOf(name: string, { parent, kind, labels, created }: Snapshot): object {
  const time = { seconds: Math.floor(created.getTime() / 1000), nanos: 0 };
  return { name, parent, kind, labels, createdAt: time, updatedAt: time };
}
