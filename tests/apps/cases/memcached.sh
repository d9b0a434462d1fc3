# add: /usr/bin/memcached /usr/bin/seq /usr/bin/sleep /usr/bin/cat
# memcached over TCP and over a Unix socket, by bash's own /dev/tcp.
memcached -u root -l 127.0.0.1 -p 18395 -U 0 & server=$!
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/18395) 2>/dev/null && break; sleep 0.1; done
exec 3<>/dev/tcp/127.0.0.1/18395
printf 'set a 0 0 3\r\nabc\r\nget a\r\nappend a 0 0 2\r\nde\r\nget a\r\nset n 0 0 1\r\n1\r\nincr n 41\r\ndelete a\r\nget a\r\nquit\r\n' >&3
cat <&3
kill $server; wait $server; echo "stopped $?"
