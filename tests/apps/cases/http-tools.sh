# add: /usr/sbin/lighttpd /usr/lib/lighttpd /usr/bin/curl /usr/bin/wget /usr/bin/python3 /usr/lib/python3.11 /usr/bin/head /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/cmp /etc/hosts
# lighttpd and python3 -m http.server, asked by curl and wget, also by the name localhost.
dir=$(mktemp -d) && cd "$dir" || exit 1
mkdir www && head -c 300000 /dev/urandom >www/file && echo index >www/index.html
printf 'server.document-root = "%s/www"\nserver.port = 18393\nserver.bind = "127.0.0.1"\nindex-file.names = ("index.html")\n' "$dir" >l.conf
lighttpd -D -f l.conf 2>/dev/null & lighttpd=$!
python3 -m http.server 18394 --directory www >/dev/null 2>&1 & python=$!
for port in 18393 18394; do
    for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:$port/ && break; sleep 0.1; done
    curl -s http://127.0.0.1:$port/file | cmp - www/file && echo "curl $port"
    wget -q -O - http://localhost:$port/file | cmp - www/file && echo "wget $port"
    curl -s http://localhost:$port/; curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:$port/none
done
wget -q -c -O - http://127.0.0.1:1/ ; echo "wget $?"; curl -s http://127.0.0.1:1/; echo "curl $?"
kill $lighttpd $python; wait $lighttpd; echo "lighttpd $?"
