# add: /usr/bin/zip /usr/bin/unzip /usr/bin/xz /usr/bin/bzip2 /usr/bin/zstd /bin/tar /bin/gzip /usr/bin/seq /usr/bin/md5sum /bin/ls /bin/mkdir /bin/cp
set -e
mkdir d; seq 1 20000 > d/a; cp d/a d/b; seq 5 > d/c
for z in gzip bzip2 xz 'xz -T2' 'zstd -q' 'zstd -q -T2'; do $z -c < d/a > a.z; ${z%% *} -dc < a.z | md5sum; done
zip -qr d.zip d; unzip -l d.zip | tail -1 | cut -c1-9; unzip -q d.zip -d e; md5sum e/d/a e/d/c
for f in z j J; do tar c${f}f d.tar d; tar t${f}f d.tar | sort; done; tar cf - d | (cd e; tar xf -); ls -R e
unzip -q d.zip nothing 2>/dev/null || echo "unzip $?"; xz -dc d/c 2>/dev/null || echo "xz $?"
