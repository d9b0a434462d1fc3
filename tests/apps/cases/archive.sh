# add: /bin/tar /bin/gzip /usr/bin/sha256sum /bin/dd /usr/bin/openssl /usr/bin/head /usr/bin/yes
# timeout: 120
set -e
yes 'some text that compresses, line after line' | head -c 100000000 > big
tar cf - big | gzip -1 > a.tgz
rm big; gzip -dc a.tgz | tar xf -; sha256sum big; tar czf - big | gzip -d | tar tf -
