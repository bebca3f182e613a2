# Checks the files that layers replace and delete.
cat /etc/replaced
[ ! -e /etc/deleted ]
if ls -A /etc | grep -x deleted; then exit 1; fi
find / -xdev -type f | wc -l
find / -xdev -type d | wc -l
