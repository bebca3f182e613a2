# A large merged directory disappears; made anew it is empty.
rm -rf /usr/share
[ ! -e /usr/share ]
ls /usr
mkdir /usr/share
[ -z "$(ls -A /usr/share)" ]
echo new > /usr/share/new
ls -A /usr/share
