# add: /usr/bin/python3 /usr/lib/python3.11 /lib/x86_64-linux-gnu/libsqlite3.so.0 /lib/x86_64-linux-gnu/libm.so.6
import ctypes, sqlite3
libc = ctypes.CDLL("libc.so.6"); libm = ctypes.CDLL("libm.so.6"); libm.cos.restype = ctypes.c_double; libm.cos.argtypes = [ctypes.c_double]
print(libc.abs(-5), libm.cos(0.0))
CMP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
a = (ctypes.c_int * 5)(5, 2, 4, 1, 3); libc.qsort(a, 5, 4, CMP(lambda x, y: x[0] - y[0])); print(list(a))
db = sqlite3.connect("t.db"); db.execute("create table t(a integer primary key, b text)")
db.executemany("insert into t(b) values(?)", [(str(i),) for i in range(1000)]); db.commit()
print(db.execute("select count(*), sum(a), max(b) from t").fetchone(), db.execute("pragma integrity_check").fetchone())
