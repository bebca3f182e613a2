/**
 * The number of requests that reading a small file takes. The server sends the content to the kernel at
 * open(2), before a READ.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ForegroundMount,
  mountForeground,
  mountsUnavailable,
  overlayOptions,
  TRANSPORT,
  waitFor,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';

const unavailable = TRANSPORT === 'fuse-native' ? 'libfuse 2 cannot send data to the kernel' : mountsUnavailable();
const LIMIT = 64 << 10;

describe.skipIf(unavailable !== null)(`small files${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let scratch: string;
  let layers: LayerDirs;
  let mounted: ForegroundMount | null;

  beforeEach(() => {
    scratch = makeScratch('small-files');
    layers = makeLayerDirs(scratch);
    mounted = null;
  });

  afterEach(() => {
    mounted?.unmount();
    removeScratch(scratch);
  });

  async function mount(...options: string[]): Promise<ForegroundMount> {
    mounted = await mountForeground(layers, options, ['-d', '-o', overlayOptions(layers, options)]);
    return mounted;
  }

  /** Returns the kernel's requests for the known file `name` while cat(1) reads it from beginning to end. */
  async function requestsOfReading({ mountpoint, log }: ForegroundMount, name: string): Promise<string[]> {
    const path = join(mountpoint, name);
    const released = /RELEASE .*→/g;
    const before = log().length;
    const releases = (): number => log().slice(before).match(released)?.length ?? 0;
    const content = spawnSync('cat', [path], { maxBuffer: 1 << 24 }).stdout;
    expect(content.equals(readFileSync(join(layers.lowers[0] as string, name)))).toBe(true);
    await waitFor(() => releases() > 0, 'RELEASE, for which close(2) does not wait');
    // Node 1 is the directory, whose names and attributes the kernel requests.
    return (
      log()
        .slice(before)
        .match(/[A-Z]+(?= node (?!1 ))/g) ?? []
    );
  }

  function writeLower(name: string, content: string | Buffer): void {
    writeFileSync(join(layers.lowers[0] as string, name), content);
  }

  it.each([
    ['a byte', 1],
    ['a page', 4096],
    ['some pages and a bit', 10_001],
    ['the most', LIMIT],
  ])('of %s take OPEN and RELEASE, at the first and at later reads', async (_, size) => {
    writeLower('file', Buffer.alloc(size, 'plyfs'));
    const mount_ = await mount();
    expect(await requestsOfReading(mount_, 'file')).toEqual(['OPEN', 'RELEASE']);
    expect(await requestsOfReading(mount_, 'file')).toEqual(['OPEN', 'RELEASE']);
  });

  it('with more content are read by READ', async () => {
    writeLower('file', Buffer.alloc(LIMIT + 1, 'plyfs'));
    expect(await requestsOfReading(await mount(), 'file')).toContain('READ');
  });

  it('whose pages the kernel has dropped are read by READ', async () => {
    writeLower('file', 'content');
    const mount_ = await mount();
    await requestsOfReading(mount_, 'file');
    spawnSync('dd', [`if=${join(mount_.mountpoint, 'file')}`, 'iflag=nocache', 'count=0', 'status=none']);
    await waitFor(() => (mount_.log().match(/RELEASE .*→/g) ?? []).length === 2, 'dd(1) to have closed the file');
    expect(await requestsOfReading(mount_, 'file')).toContain('READ');
  });
});
