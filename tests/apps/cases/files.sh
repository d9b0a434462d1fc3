# add: /usr/lib/locale/C.utf8 /usr/bin/find /usr/bin/xargs /bin/grep /usr/bin/diff /usr/bin/patch /usr/bin/rsync /usr/bin/tree /usr/bin/file /usr/lib/file /usr/share/misc/magic.mgc /etc/magic /bin/sed /usr/bin/seq /bin/mkdir /bin/cp /bin/chmod /usr/bin/touch /bin/ln /bin/rm /usr/bin/install /usr/bin/mkfifo /bin/cat /usr/bin/stat /bin/mv
mkdir -p t/x/y t/z; for i in 1 2 3; do seq $i 50 > t/x/f$i; done; ln -s x/f1 t/l; ln t/x/f1 t/z/hard; chmod 4755 t/x/f2; touch -d @86400 t/x/f3
find t -type f -newermt 2000-01-01 | sort; find t -perm -4000 -o -type l | sort; find t -links 2 -exec basename {} \; | sort; find t -name 'f*' -size -1k -delete; find t -printf '%y %m %p\n' | sort -k3
grep -rl 42 t | sort; grep -rc 7 t | sort; seq 100 | xargs -P4 -n25 sh -c 'echo $#' | sort | uniq -c | sed 's/^ *//'
cp -a t u; seq 9 >> u/x/f2; diff -r t u; echo "diff $?"; diff -u t/x/f2 u/x/f2 > p; (cd t/x && patch -s < ../../p && cmp f2 ../../u/x/f2 && echo patched)
rsync -a --delete t/ v/; rm -r v/z; touch v/extra; rsync -ai --delete t/ v/ | sed 's/^[^ ]* *//' | grep -v '^./$' | sort; diff -r t v && echo same
tree -a t | tail -3; file t/l t/x /bin/cat | sed 's/,.*//'; install -D -m 600 p w/p; stat -c '%a %n' w/p; mkfifo q; (echo through > q &) ; cat q; mv t tt && mv tt/x . && find . -type f | wc -l
