/** Returns the lines that only one of two lists has, each with `missing:` or `added:` before it. */
export function lineDifferences(expected: readonly string[], actual: readonly string[]): string[] {
  const [before, after] = [new Set(expected), new Set(actual)];
  const missing = expected.filter((line) => !after.has(line)).map((line) => `missing: ${line}`);
  return [...missing, ...actual.filter((line) => !before.has(line)).map((line) => `added: ${line}`)];
}
