# Three processes write at once to a database of a layer, in WAL mode (a shared mapping).
database=/srv/inventory.db
writer() {
  i=0
  echo 'PRAGMA synchronous = NORMAL;'
  while [ $i -lt 200 ]; do
    i=$((i + 1))
    echo "UPDATE item SET amount = amount + 1 WHERE id <= 20000 AND id % 200 = $i - 1;"
    echo "INSERT INTO item (name, amount) VALUES ('writer $1, $i', 1);"
  done
}
for number in 1 2 3; do
  writer $number | sqlite3 -bail -cmd '.timeout 60000' $database &
  writers="${writers-} $!"
done
for pid in $writers; do wait "$pid"; done

sqlite3 $database 'SELECT count(*), sum(amount) FROM item; PRAGMA integrity_check; PRAGMA journal_mode;'
sqlite3 $database 'SELECT name, amount FROM item ORDER BY name' | sha256sum
sqlite3 $database 'PRAGMA wal_checkpoint(TRUNCATE)' 'VACUUM' 'PRAGMA integrity_check'
sqlite3 $database 'PRAGMA journal_mode = DELETE' 'SELECT count(*) FROM item'
ls /srv
