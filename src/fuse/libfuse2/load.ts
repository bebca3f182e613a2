/**
 * Loads the package fuse-native. It is optional and needs libfuse 2, so it is loaded only for this transport.
 */
import type Fuse from 'fuse-native';
import { HelperError } from '../mount/mount-request.js';

/** Throws {@link HelperError} with the command that installs what is missing. */
export async function loadFuseNative(): Promise<typeof Fuse> {
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
