# add: /usr/bin/git /usr/lib/git-core /usr/share/git-core /bin/sh /bin/sed
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null
set -e
git init -q -b main r; cd r; git config user.name n; git config user.email e@x
for i in 1 2 3 4 5; do seq $((i*100)) > f$i; git add .; git commit -qm "c$i"; done
git log --oneline | cat; git diff HEAD~1 --stat | cat; git checkout -q -b b HEAD~2; echo x > g; git add g; git commit -qm b; git merge -q main -m m; git log --format=%s | cat
git gc -q; git fsck 2>&1 | head -3; git status --short | cat; git clone -q . ../c; ls ../c
