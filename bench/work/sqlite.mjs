const TRANSACTIONS = 300;

/** Each transaction makes a journal, syncs it, the database and the directory, and removes the journal. */
const inserts = {
  name: 'sqlite',
  group: 'sqlite',
  title: `sqlite, ${TRANSACTIONS} transactions with fsync`,
  recipe: 'big',
  access: 'writable',
  changes: [],
  tools: ['sqlite3'],
  start: 'cold',
  command: ({ root }) => {
    const statement = `INSERT INTO log (line) VALUES (hex(randomblob(200)));`;
    const script = `{ echo "CREATE TABLE log (number INTEGER PRIMARY KEY, line TEXT);"; yes "${statement}" | head -n ${TRANSACTIONS}; }`;
    return `${script} | sqlite3 -batch -bail ${root}/database`;
  },
};

export const works = [inserts];
