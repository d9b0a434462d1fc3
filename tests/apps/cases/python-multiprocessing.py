# add: /usr/bin/python3 /usr/lib/python3.11
# timeout: 120
import subprocess, sys, tempfile, os
code = '''
import multiprocessing as mp, os
def f(x): return x * x
def w(q, n): q.put((n, os.getpid() != PARENT))
PARENT = int(os.environ["PARENT"])
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        ctx = mp.get_context(method)
        with ctx.Pool(4) as p: print(method, sum(p.map(f, range(200))))
        q = ctx.Queue(); ps = [ctx.Process(target=w, args=(q, i)) for i in range(3)]
        [p.start() for p in ps]; print(sorted(q.get() for _ in ps)); [p.join() for p in ps]
        print([p.exitcode for p in ps])
        v = ctx.Value("i", 0); a, b = ctx.Pipe(); a.send({"k": [1, 2]}); print(b.recv(), v.value)
'''
with tempfile.TemporaryDirectory() as d:
    p = os.path.join(d, "m.py"); open(p, "w").write(code)
    os.environ["PARENT"] = str(os.getpid())
    sys.exit(subprocess.run([sys.executable, p]).returncode)
