/** The command line of `plyfs convert`. */
import { type Command, Option } from 'commander';
import type { ConversionRequest } from '../../store/convert/conversion-request.js';
import { throwParseErrors } from './parse-errors.js';

/** The arguments of `plyfs convert`. */
export interface ConvertArguments extends ConversionRequest {
  /** Print what was done, or what prevented it, as one JSON object. */
  readonly json: boolean;
}

/** The options as commander returns them, by their names. */
interface ConvertFlags {
  to?: ConvertArguments['to'];
  from?: NonNullable<ConvertArguments['from']>;
  xattrs?: NonNullable<ConvertArguments['xattrs']>;
  volatile?: true;
  json?: true;
}

/** Adds the command to the program. */
export function addConvert(program: Command, convert: (args: ConvertArguments) => Promise<void>): void {
  const command: Command = program
    .command('convert')
    .description('convert a layer between the overlay and aufs on-disk formats')
    .argument('<SRC>', 'the layer; it is not changed')
    .argument('<DST>', 'the new layer: a free name, or an empty directory')
    // Required, but checked below: commander would report it as missing before it reports an unknown option.
    .addOption(new Option('--to <form>', 'the form of the new layer; needed').choices(['aufs', 'overlay']))
    .addOption(
      new Option('--from <form>', 'the form of SRC (default: the other one)').choices([
        'aufs',
        'overlay',
        'fuse-overlayfs',
      ]),
    )
    .addOption(
      new Option(
        '--xattrs <namespace>',
        "namespace of the overlay's own attributes (default: that of SRC, or one that this user can set)",
      ).choices(['trusted', 'user']),
    )
    .option('--volatile', 'do not wait for the disk')
    .option('--json', 'print what was done, or what prevented it, as one JSON object');
  throwParseErrors(command).action(async (source: string, destination: string, flags: ConvertFlags) => {
    const { to, from, xattrs } = flags;
    if (to === undefined) {
      return command.error(`error: --to is missing: give the form of the new layer, --to aufs or --to overlay`);
    }
    if (from === to) command.error(`error: --from ${from} --to ${to}: nothing to convert`);
    await convert({
      source,
      destination,
      to,
      ...(from === undefined ? {} : { from }),
      ...(xattrs === undefined ? {} : { xattrs }),
      volatile: flags.volatile === true,
      json: flags.json === true,
    });
  });
}
