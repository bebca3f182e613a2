/** The fuse-native package, loaded only when it is asked for: it is optional, and it needs libfuse 2. */
import type Fuse from 'fuse-native';
import { HelperError } from '../mount/mount-request.js';

export type FuseNative = typeof Fuse;

/** Throws {@link HelperError}, which says what to install. */
export async function loadFuseNative(): Promise<FuseNative> {
  try {
    return (await import('fuse-native')).default;
  } catch (error) {
    throw new HelperError(`fuse-native: ${missing(error)}`);
  }
}

function missing(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND') return 'the package is not installed; npm install fuse-native@2.2.6';
  if (message.includes('libfuse.so.2')) return 'libfuse 2 is not installed; apt-get install libfuse2';
  return `cannot be loaded (${message.split('\n', 1)[0]}); npm rebuild fuse-native, and apt-get install libfuse2`;
}
