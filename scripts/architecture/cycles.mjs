/** Gives the files of one import cycle, the first repeated at the end, or undefined. */
export function findCycle(sources) {
  const importsOf = new Map(sources.map((source) => [source.path, source.imports]));
  const finished = new Set();

  const visit = (path, trail) => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const target of importsOf.get(path) ?? []) {
      const cycle = visit(target, [...trail, path]);
      if (cycle) return cycle;
    }
    finished.add(path);
    return undefined;
  };

  for (const path of importsOf.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}
