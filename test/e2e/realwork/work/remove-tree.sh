# Removes a large merged directory. A new directory of that name is empty.
rm -rf /usr/share
[ ! -e /usr/share ]
ls /usr
mkdir /usr/share
[ -z "$(ls -A /usr/share)" ]
echo new > /usr/share/new
ls -A /usr/share
