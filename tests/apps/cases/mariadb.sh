# add: /usr/sbin/mariadbd /usr/bin/mariadb /usr/share/mysql/english /usr/share/mysql/charsets /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/tail /etc/passwd /etc/group
# timeout: 90
# MariaDB with InnoDB, over TCP and a Unix socket; its data are there after a restart. It reserves 8 TiB unless told otherwise.
dir=$(mktemp -d) && cd "$dir" && mkdir data || exit 1
start() {
    mariadbd --no-defaults --user=root --datadir="$dir/data" --socket="$dir/sock" --port=18399 --bind-address=127.0.0.1 --skip-grant-tables \
        --innodb-buffer-pool-size=32M --innodb-buffer-pool-size-max=64M --pid-file="$dir/pid" >>log 2>&1 & server=$!
    for i in $(seq 200); do mariadb --no-defaults -S "$dir/sock" -e 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
}
m() { mariadb --no-defaults -S "$dir/sock" -N -e "$1"; }
start
m 'create database d; create table d.t (a int primary key auto_increment, b varchar(20)) engine=innodb'
m 'insert into d.t (b) values ("x"), ("y"), ("z"); start transaction; insert into d.t (b) values ("gone"); rollback; select * from d.t'
mariadb --no-defaults -h 127.0.0.1 -P 18399 -N -e 'select count(*), group_concat(b) from d.t; select repeat("ab", 3)'
kill $server; wait $server; echo "stopped $?"
start; m 'select sum(a) from d.t'
kill $server; wait $server; echo "stopped $?"
