# Unpacks, configures and verifies packages, replaces packages over the files of the layers, and removes some.
cd /var/cache/apt/archives
dpkg -i hello_*.deb less_*.deb
hello
dpkg --verify hello less

# Over the files of the layers: dpkg keeps the old file by a hard link and renames the new one over it.
dpkg -i coreutils_*.deb
dpkg --verify coreutils

dpkg --purge less
if command -v less; then exit 1; fi
dpkg --verify
dpkg --audit
dpkg-query --show | sha256sum
