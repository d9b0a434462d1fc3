# add: /bin/bash /bin/ls /bin/cat /usr/bin/sort /usr/bin/uniq /usr/bin/wc /usr/bin/head /usr/bin/tail /usr/bin/cut /usr/bin/tr /bin/mkdir /bin/rm /bin/mv /bin/cp /bin/ln /usr/bin/env /usr/bin/seq /usr/bin/tee /usr/bin/basename /usr/bin/dirname /bin/chmod /usr/bin/touch /usr/bin/stat /bin/readlink /usr/bin/md5sum /usr/bin/sha256sum /usr/bin/expr /usr/bin/test /usr/bin/printf /bin/echo /bin/true /bin/false /bin/sleep /usr/bin/id /bin/date /usr/bin/find /usr/bin/xargs /bin/grep /usr/bin/paste /usr/bin/join /usr/bin/comm /usr/bin/split /usr/bin/od /bin/dd /usr/bin/mktemp /usr/bin/realpath /usr/bin/timeout /bin/kill /usr/bin/nproc /usr/bin/diff /usr/bin/cmp /usr/bin/du /bin/sync /usr/bin/truncate /usr/bin/shuf
set -e
mkdir -p d/e; seq 1 1000 > d/n
sort -rn d/n | head -3; wc -l < d/n; cut -c1 d/n | sort | uniq -c | sort -k2
ln -s n d/l; readlink d/l; cat d/l | tail -1; ls d
cp d/n d/e/m; cmp d/n d/e/m && echo same; sha256sum < d/e/m
mv d/e/m d/e/k; find d -type f | sort; chmod 640 d/e/k; stat -c '%a %s %F' d/e/k
dd if=/dev/zero bs=64k count=16 2>/dev/null | md5sum
printf '%s\n' b a c | tee x | sort | paste -sd, ; xargs -n1 echo < x
split -l 300 d/n part.; ls part.*; cat part.* | cmp - d/n && echo joined
expr 6 '*' 7; basename /a/b.c .c; dirname /a/b.c; realpath d/l | sed 's,.*/,,'
truncate -s 1M big; stat -c '%s %b' big | cut -d' ' -f1; od -An -tx1 -N4 big; rm -rf d x part.* big; ls
timeout 0.2 sleep 5 || echo "timed out $?"
id -u; env -i A=1 env
