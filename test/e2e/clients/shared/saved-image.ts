/** The layers of an image in the form that `podman save` writes. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../harness/sandbox.js';
import type { ContainerStore } from './container-store.js';
import { tarListing } from './tar-listing.js';

/** Saves an image for other stores to load, and returns the file. */
export function saveImage(store: ContainerStore, image: string): string {
  const file = store.at(`${image.replace(/\W/g, '-')}.tar`);
  rmSync(file, { force: true });
  store.podman('save', '--output', file, image);
  return file;
}

/** Returns the content of each layer, lowest first. */
export function layerListings(store: ContainerStore, image: string): string[][] {
  const dir = store.at('saved');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  const { status, stderr } = run('tar', ['-C', dir, '-xf', saveImage(store, image)]);
  if (status !== 0) throw new Error(`tar: ${stderr}`);
  const [manifest] = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as [{ Layers: string[] }];
  return manifest.Layers.map((layer) => tarListing(join(dir, layer)));
}
