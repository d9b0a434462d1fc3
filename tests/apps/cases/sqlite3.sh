# add: /usr/bin/sqlite3
sqlite3 t.db 'create table t(a integer primary key,b); with recursive c(x) as (select 1 union all select x+1 from c where x<5000) insert into t select x, x*x from c; select count(*),sum(b) from t; create index i on t(b); select a from t where b=2500; pragma integrity_check; pragma journal_mode=wal; update t set b=b+1; select max(b) from t; vacuum;'
