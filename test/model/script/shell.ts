/** Writes layers as shell commands that make them. */
import { asEntry, type Entry, type Facts, type Tree } from '../../conformance/tree.js';
import * as sys from '../../harness/sys/index.js';

/** Quotes a word of bytes (latin1) for the shell. */
export function quoted(word: string): string {
  if (/^[\w./:=+,@-]+$/.test(word)) return word;
  const escaped = word.replace(/[^\x20-\x7e]|['\\]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `$'${escaped}'`;
}

/** The on-disk forms of whiteouts and opaque directories, as in conformance/forms.ts. */
const FORMS = {
  overlay: {
    whiteout: (at: string, name: string) => `mknod ${quoted(`${at}/${name}`)} c 0 0`,
    opaque: (path: string) => `setfattr -n trusted.overlay.opaque -v y ${quoted(path)}`,
  },
  userxattr: {
    whiteout: (at: string, name: string) => `mknod ${quoted(`${at}/${name}`)} c 0 0`,
    opaque: (path: string) => `setfattr -n user.overlay.opaque -v y ${quoted(path)}`,
  },
  aufs: {
    whiteout: (at: string, name: string) => `install -m 444 /dev/null ${quoted(`${at}/.wh.${name}`)}`,
    opaque: (path: string) => `install -m 444 /dev/null ${quoted(`${path}/.wh..wh..opq`)}`,
  },
} as const;

export type FormName = keyof typeof FORMS;

interface Layer {
  readonly form: (typeof FORMS)[FormName];
  readonly links: Map<string, string>;
}

/** Returns commands that fill the directory `at`, with umask 0. */
export function commandsFor(at: string, tree: Tree, form: FormName): string[] {
  return commandsOf(at, tree, { form: FORMS[form], links: new Map() });
}

function commandsOf(at: string, tree: Tree, layer: Layer): string[] {
  return Object.entries(tree).flatMap(([name, value]) => entryCommands(at, name, asEntry(value), layer));
}

function entryCommands(at: string, name: string, entry: Entry, layer: Layer): string[] {
  const path = `${at}/${name}`;
  const word = quoted(path);
  const { form, links } = layer;
  switch (entry.kind) {
    case 'whiteout':
      return [form.whiteout(at, name)];
    case 'symlink':
      return [`ln -s ${quoted(entry.target)} ${word}`, ...factCommands(word, entry.facts, null)];
    case 'special':
      return [specialCommand(word, entry.type), ...factCommands(word, entry.facts, 0o644)];
    case 'directory':
      return [
        `mkdir -m 755 ${word}`,
        ...(entry.opaque ? [form.opaque(path)] : []),
        ...commandsOf(path, entry.entries, layer),
        ...factCommands(word, entry.facts, 0o755),
      ];
    case 'file': {
      const first = entry.link === undefined ? undefined : links.get(entry.link);
      if (first !== undefined) return [`ln ${quoted(first)} ${word}`];
      if (entry.link !== undefined) links.set(entry.link, path);
      const hole = entry.hole ?? 0;
      return [
        contentCommand(word, entry.content),
        ...(hole > 0 ? [`truncate -s +${hole} ${word}`] : []),
        ...factCommands(word, entry.facts, 0o644),
      ];
    }
  }
}

function specialCommand(word: string, type: number): string {
  if (type === sys.S_IFIFO) return `mkfifo ${word}`;
  if (type === sys.S_IFCHR) return `mknod ${word} c 1 3`;
  return `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' ${word}`;
}

/** Returns a command that writes the content. A long content repeats one word. */
function contentCommand(word: string, content: string): string {
  const unit = content.slice(0, content.indexOf(' ') + 1);
  const repeats = unit !== '' && content.length > 40 && unit.repeat(content.length).startsWith(content);
  return repeats
    ? `yes ${quoted(unit)} | tr -d '\\n' | head -c ${content.length} > ${word}`
    : `printf %s ${quoted(content)} > ${word}`;
}

/**
 * Returns commands that set the owner first, because chown clears set-id bits; the mode before an ACL,
 * because chmod would change its mask; and the times last.
 */
function factCommands(word: string, facts: Facts, defaultMode: number | null): string[] {
  const { uid, gid, mode = defaultMode, xattrs = {}, mtime } = facts;
  const commands: string[] = [];
  if (uid !== undefined || gid !== undefined) commands.push(`chown -h ${uid ?? ''}:${gid ?? ''} ${word}`);
  if (mode !== null) commands.push(`chmod ${mode.toString(8).padStart(5, '0')} ${word}`);
  for (const [name, value] of Object.entries(xattrs)) {
    commands.push(`setfattr -h -n ${name} -v 0x${Buffer.from(value, 'latin1').toString('hex')} ${word}`);
  }
  if (mtime !== undefined) commands.push(`touch -h -m -d @${mtime} ${word}`);
  return commands;
}
