# add: /usr/bin/python3 /usr/lib/python3.11
import threading, queue, time, concurrent.futures
q = queue.Queue(); total = 0; lock = threading.Lock()
def work():
    global total
    while (n := q.get()) is not None:
        with lock: total += n
ts = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in ts]
[q.put(i) for i in range(10000)]; [q.put(None) for _ in ts]; [t.join() for t in ts]
print(total)
with concurrent.futures.ThreadPoolExecutor(16) as ex: print(sum(ex.map(lambda x: x * x, range(1000))))
e = threading.Event(); threading.Timer(0.1, e.set).start(); print(e.wait(5), e.is_set())
b = threading.Barrier(4); r = []
def bar(): b.wait(); r.append(1)
ts = [threading.Thread(target=bar) for _ in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]; print(len(r))
c = threading.Condition(); print("cond", end=" ")
with c: print(c.wait(0.05))
for _ in range(200):
    t = threading.Thread(target=lambda: None); t.start(); t.join()
print("done")
