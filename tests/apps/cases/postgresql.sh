# add: /usr/lib/postgresql/15/bin /usr/lib/postgresql/15/lib /usr/share/postgresql/15 /usr/share/zoneinfo /usr/bin/setpriv /usr/bin/chown /usr/bin/chmod /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/grep /usr/bin/tail /usr/bin/head /etc/passwd /etc/group
# timeout: 120
# PostgreSQL: initdb, start, SQL over TCP and a Unix socket, pgbench, kill -9 of a backend and recovery, pg_dump.
dir=$(mktemp -d) && cd "$dir" && chmod 777 . || exit 1
export PATH=/usr/lib/postgresql/15/bin:$PATH PGHOST=$dir PGPORT=18398 PGUSER=postgres
pg() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
start() {
    pg postgres -D data -p $PGPORT -k "$dir" -c listen_addresses=127.0.0.1 -c fsync=off >>log 2>&1 & server=$!
    for i in $(seq 200); do psql -Atc 'select 1' postgres >/dev/null 2>&1 && break; sleep 0.1; done
}
pg initdb -D data --locale=C -A trust >initdb.log 2>&1; echo "initdb $?"
start
psql -Atc 'create table t (id serial primary key, v text)' -c "insert into t (v) select 'row ' || g from generate_series(1, 1000) g" -c 'select count(*), max(v) from t' postgres
PGHOST=127.0.0.1 psql -Atc 'select sum(id) from t' postgres
createdb bench && pgbench -i -s 1 -q bench >/dev/null 2>&1; echo "init $?"
pgbench -c 4 -T 2 bench 2>/dev/null | grep -E "number of failed|mode"
pgbench -S -c 8 -t 50 bench 2>/dev/null | grep -E "actually processed"
psql -Atc 'select count(*) from pgbench_accounts' bench
psql -Atc 'select pg_backend_pid(), pg_sleep(30)' postgres >/dev/null 2>&1 &
sleeper() { psql -Atc "select pid from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid()" postgres; }
for i in $(seq 200); do victim=$(sleeper); [ -n "$victim" ] && break; sleep 0.1; done
kill -9 "$victim"
for i in $(seq 200); do grep -q 'reinitializing' log && break; sleep 0.1; done
for i in $(seq 100); do psql -Atc 'select 1' postgres >/dev/null 2>&1 && break; sleep 0.1; done
psql -Atc 'select count(*) from t' postgres
pg_dump postgres | grep -c '^[0-9]*	row'
kill -INT "$(head -n 1 data/postmaster.pid)"; wait $server; echo "stopped $?"
start; psql -Atc 'select count(*) from t' postgres; kill -INT "$(head -n 1 data/postmaster.pid)"; wait $server; echo "stopped $?"
