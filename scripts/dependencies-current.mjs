#!/usr/bin/env node
// Exits 0 if node_modules contains exactly the packages of package-lock.json, so that `npm ci` is not needed.
// npm writes the list of installed packages into node_modules/.package-lock.json. Packages for other
// platforms are optional and missing there.
import { readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const packagesOf = (file) => JSON.parse(readFileSync(new URL(file, root), 'utf8')).packages;

function installedPackages() {
  try {
    return packagesOf('node_modules/.package-lock.json');
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

const installed = installedPackages();
const isCurrent = Object.entries(packagesOf('package-lock.json')).every(([path, wanted]) => {
  if (path === '') return true;
  const found = installed[path];
  return found ? found.integrity === wanted.integrity : wanted.optional === true;
});
process.exit(isCurrent ? 0 : 1);
