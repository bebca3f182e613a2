/** The command line of a mount, after it has been parsed. */
import type { CommandLineForm } from '../../server/options/read-options.js';

/** The arguments of `plyfs mount`, and of fuse-overlayfs's command line. All strings are bytes. */
export interface MountArguments {
  /** The texts after each `-o`, in order. */
  readonly options: readonly string[];
  readonly foreground: boolean;
  readonly debug: boolean;
  readonly source: string | undefined;
  /** How deletions are stored in the layers. */
  readonly dialect: 'overlay' | 'aufs';
  readonly mountpoint: string;
  readonly form: CommandLineForm;
  /** Layers that Docker keeps; absent if the options name the layers. */
  readonly docker?: DockerArguments;
}

/** The arguments of `plyfs mount --docker`. All strings are bytes. */
export interface DockerArguments {
  /** Docker's root directory, or that of one driver. */
  readonly directory: string;
  /** Id of a layer, or its beginning. */
  readonly layer: string;
  readonly upper: string | undefined;
  readonly work: string | undefined;
}
