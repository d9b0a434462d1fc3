# add: /usr/bin/rsync /usr/bin/ssh /usr/bin/head /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/cmp /usr/bin/diff /usr/bin/ln /usr/bin/rm /usr/bin/touch /etc/passwd
# rsync: copies by a pipe between its own processes, from its daemon over TCP; ssh that finds nobody.
dir=$(mktemp -d) && cd "$dir" || exit 1
mkdir -p a/b && head -c 500000 /dev/urandom >a/big && echo text >a/b/small && ln -s b/small a/link
rsync -a a/ copy/ && diff -r a copy && echo copied
echo more >>a/b/small && touch -d @1000000000 a/b/small && rsync -ai a/ copy/ && rm a/big && rsync -a --delete a/ copy/ && diff -r a copy && echo synchronised
printf 'use chroot = no\nuid = root\n[m]\npath = %s/a\nread only = no\n' "$dir" >r.conf
rsync --daemon --no-detach --port 18396 --address 127.0.0.1 --config r.conf & server=$!
for i in $(seq 100); do rsync rsync://127.0.0.1:18396/ >/dev/null 2>&1 && break; sleep 0.1; done
rsync rsync://127.0.0.1:18396/
rsync -a rsync://127.0.0.1:18396/m/ remote/ && diff -r a remote && echo fetched
head -c 200000 /dev/urandom >new && rsync -a new rsync://127.0.0.1:18396/m/ && cmp new a/new && echo sent
kill $server; wait $server 2>/dev/null
ssh -o BatchMode=yes -p 18397 127.0.0.1 true 2>/dev/null; echo "ssh $?"
