# add: /usr/sbin/nginx /etc/nginx/mime.types /usr/bin/curl /usr/bin/openssl /etc/ssl/openssl.cnf /usr/lib/ssl/openssl.cnf /usr/bin/head /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/wc /usr/bin/cmp /usr/bin/xargs /usr/bin/grep /usr/bin/chmod /usr/bin/touch /usr/bin/sort /usr/bin/uniq /etc/passwd /etc/group
# timeout: 90
# nginx with two workers: static files, many at once, HTTPS, reload by SIGHUP, access log.
dir=$(mktemp -d) && cd "$dir" || exit 1
chmod 755 . && mkdir www && head -c 1024 /dev/urandom >www/1k && head -c 1000000 /dev/urandom >www/1m && echo one >www/text
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
cat >nginx.conf <<END
worker_processes 2; daemon off; pid $dir/pid; error_log $dir/error.log; user root;
events { worker_connections 256; }
http {
    access_log $dir/access.log; sendfile on; keepalive_timeout 5;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
    server { listen 127.0.0.1:18391; root $dir/www; location /old { return 301 /text; } location /proxy/ { proxy_pass http://127.0.0.1:18391/; } }
    server { listen 127.0.0.1:18392 ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem; root $dir/www; }
}
END
nginx -e $dir/error.log -c $dir/nginx.conf & server=$!
u=http://127.0.0.1:18391
for i in $(seq 100); do curl -s -o /dev/null $u/text && break; sleep 0.1; done
curl -s $u/text; curl -s $u/1k | cmp - www/1k && echo 1k; curl -s $u/1m | cmp - www/1m && echo 1m
curl -s -r 100-199 $u/1m | wc -c; curl -s -o /dev/null -w '%{http_code}\n' $u/missing; curl -sL $u/old; curl -sI $u/1k | grep -i ^content-length
curl -s $u/proxy/text
curl -s --cacert cert.pem https://localhost:18392/1m | cmp - www/1m && echo https
seq 60 | xargs -P 8 -I{} curl -s $u/1k -o /dev/null -w '%{size_download}\n' | sort | uniq -c
echo two >www/text; kill -HUP $server; sleep 0.5; curl -s $u/text
grep -c '"GET /1k ' access.log
kill -QUIT $server; wait $server; echo "stopped $?"
