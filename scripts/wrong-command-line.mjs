/** Refuses the command line of a program for developers: one line, and status 2. */

/**
 * Ends the process.
 * @param {string} name of the program
 * @param {Error} error the fault; only the first line of a message of parseArgs is printed
 * @param {string} help the command that prints the help
 * @returns {never}
 */
export function refuseCommandLine(name, { message }, help) {
  console.error(`${name}: ${firstSentence(message)}; see ${help}`);
  process.exit(2);
}

/** The message without parseArgs's explanation how a value can begin with a dash. */
function firstSentence(message) {
  return message.split(/\.?\n|\. To specify/, 1)[0];
}
