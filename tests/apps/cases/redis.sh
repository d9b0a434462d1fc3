# add: /usr/bin/redis-server /usr/bin/redis-cli /usr/bin/redis-benchmark /usr/bin/seq /usr/bin/sleep /usr/bin/mktemp /usr/bin/grep
# Redis, server and clients on loopback: types, pipelining, snapshot by fork, append-only file, Unix socket.
dir=$(mktemp -d) && cd "$dir" || exit 1
start() {
    redis-server --port 16391 --unixsocket "$dir/sock" --dir "$dir" --save "" --appendonly yes --daemonize no >log 2>&1 &
    server=$!
    for i in $(seq 100); do [ "$(redis-cli -p 16391 ping 2>/dev/null)" = PONG ] && break; sleep 0.1; done
}
r() { redis-cli -p 16391 "$@"; }
start
r set greeting hello; r get greeting; r incr n; r incrby n 41; r append greeting " world"; r strlen greeting
r rpush list a b c; r lrange list 0 -1; r hset h f 1 g 2; r hgetall h; r sadd s x y x; r scard s; r zadd z 1 one 2 two; r zrange z 0 -1 withscores
r eval 'return redis.call("get", KEYS[1])' 1 greeting
redis-cli -s "$dir/sock" get greeting
for i in $(seq 500); do echo "set key$i value$i"; done | redis-cli -p 16391 --pipe | grep -E "errors|replies"
r bgsave
for i in $(seq 100); do r info persistence | grep -q rdb_bgsave_in_progress:0 && break; sleep 0.1; done
r info persistence | grep -c rdb_last_bgsave_status:ok
redis-benchmark -p 16391 -n 1000 -c 50 -q >/dev/null && redis-benchmark -p 16391 -n 10000 -P 16 -c 20 -t set,get,lpush,incr -q >/dev/null && echo benchmark done
r config set appendfsync always; r set durable yes
r dbsize >before
r shutdown nosave; wait $server; echo "stopped $?"
start # everything comes back from the append-only file
r dbsize >after; cmp before after && echo "all keys are back"; r get durable; r get key500; r lrange list 0 -1
r shutdown nosave; wait $server; echo "stopped $?"
