# SPDX-License-Identifier: Apache-2.0
# Mixed work in an enclave, in rounds, for $1 seconds. Each prints: round, bytes of memory in use (kB), processes, open files of all processes,
# and how long each kind of work took (ms): exec by the hundred, bash, redis under load, pgbench on the store.
cd /tmp || exit 1
export PATH=/usr/lib/postgresql/15/bin:$PATH PGHOST=/tmp PGPORT=18499 PGUSER=postgres
now() { local t=${EPOCHREALTIME/./}; echo $((t / 1000)); }
pg() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
fail() { echo "soak: $*"; exit 1; }

redis-server --port 16492 --save "" --appendonly no --maxmemory 32mb --maxmemory-policy allkeys-lru >/tmp/redis.log 2>&1 &
chmod 777 /tmp /data
[ -d /data/pg ] || pg initdb -D /data/pg --locale=C -A trust >/tmp/initdb.log 2>&1 || { cat /tmp/initdb.log; fail initdb; }
pg postgres -D /data/pg -p $PGPORT -k /tmp -c listen_addresses= -c shared_buffers=16MB -c max_wal_size=64MB -c autovacuum=on >/tmp/pg.log 2>&1 &
for i in $(seq 300); do psql -Atc 'select 1' postgres >/dev/null 2>&1 && break; sleep 0.1; done
createdb bench && pgbench -i -s 2 -q bench >/dev/null 2>&1 || { tail -n 3 /tmp/pg.log; fail pgbench -i; }

execs() { for i in $(seq 200); do /usr/bin/true || fail exec; done; }
scripts() {
    local sum=0
    for i in $(seq 3000); do sum=$((sum + i % 7)); done
    for i in $(seq 20); do x=$(echo "$sum $i" | tr 0-9 a-j | sort | cut -c1-3) || fail pipe; done
    mkdir -p w && for i in $(seq 100); do echo "$i" >w/$i; done && cat w/* | wc -l >/dev/null && rm -rf w || fail files
}
redis() { redis-benchmark -p 16492 -n 20000 -c 30 -d 100 -r 100000 -t set,get,lpush -q >/dev/null || fail redis; redis-cli -p 16492 flushall >/dev/null; }
bench() { pgbench -c 4 -t 60 bench >/dev/null 2>&1 || fail pgbench; psql -Atc vacuum -c checkpoint bench >/dev/null || fail vacuum; }
timed() { local began; began=$(now); "$1"; echo $(($(now) - began)); }
memory() { awk '/^MemTotal/ {t = $2} /^MemFree/ {f = $2} END {print t - f}' /proc/meminfo; }
handles() { local n=0 d; for d in /proc/[0-9]*/fd/*; do n=$((n + 1)); done; echo $n; }
processes() { set -- /proc/[0-9]*; echo $#; }

end=$(($(now) + $1 * 1000)) round=0
while [ "$(now)" -lt $end ]; do
    round=$((round + 1))
    echo "round $round $(memory) $(processes) $(handles) $(timed execs) $(timed scripts) $(timed redis) $(timed bench)"
done
redis-cli -p 16492 shutdown nosave >/dev/null 2>&1
kill -INT "$(head -n 1 /data/pg/postmaster.pid)"; wait
echo done
