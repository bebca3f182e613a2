# Packs a tree of the union and extracts it again: contents, modes, owners and times must be the same.
tar -C /usr/share --sort=name -cf /root/share.tar .
mkdir /root/share
tar -C /root/share -xpf /root/share.tar
tar -C /root/share --compare --file /root/share.tar
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }
sums /usr/share
sums /root/share
[ "$(sums /usr/share)" = "$(sums /root/share)" ]
rm -rf /root/share /root/share.tar
