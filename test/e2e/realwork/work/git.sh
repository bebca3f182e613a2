# Commits real files to a repository, merges a branch, collects garbage, checks and clones it.
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git config --global user.name 'A User'
git config --global user.email 'user@example.org'
git config --global init.defaultBranch main
git config --global gc.autoDetach false
mkdir /root/repository
cd /root/repository
git init --quiet
cp -r /usr/include headers
git add .
git commit --quiet --message 'Headers'
git checkout --quiet -b side
sed -i 's/extern/EXTERN/' headers/*.h
git commit --quiet --all --message 'Shout'
git checkout --quiet main
git rm -r --quiet headers/linux
git mv headers/stdio.h headers/standard-io.h
git commit --quiet --message 'Remove and rename'
git merge --quiet --message 'Merge' side
git gc --quiet --aggressive --prune=now
git fsck --full --strict
git status --porcelain
git clone --quiet /root/repository /root/clone
diff --recursive --exclude=.git /root/repository /root/clone
git rev-parse HEAD
git ls-files | wc -l
