/** How a program for developers refuses its command line: one line, and status 2. */

/**
 * Ends the process.
 * @param {string} name of the program
 * @param {Error} error what is wrong; of the several lines of parseArgs the first one
 * @param {string} help the command that prints the help
 * @returns {never}
 */
export function refuseCommandLine(name, { message }, help) {
  console.error(`${name}: ${firstSentence(message)}; see ${help}`);
  process.exit(2);
}

/** parseArgs explains at length how a value can begin with a dash. */
function firstSentence(message) {
  return message.split(/\.?\n|\. To specify/, 1)[0];
}
