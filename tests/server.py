# SPDX-License-Identifier: Apache-2.0
"""An instance whose server keeps its files in a store, with clients out here: what the tests of servers share."""
import json
import os
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAOS = os.environ.get("NAOS", f"{TOP}/build/naos")
PG = "/usr/lib/postgresql/15/bin"
PG_FILES = [f"{PG}/postgres", f"{PG}/initdb", "/usr/lib/postgresql/15/lib", "/usr/share/postgresql/15", "/usr/share/zoneinfo", "/bin/busybox"]
LIMIT = 120  # seconds that a busy machine may need for one step


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Failure(Exception):
    pass


class Enclave:
    """An instance with a store at /data, and the server that runs in it, or does not."""

    def __init__(self, work, files, inside_port, uid):
        self.dir, self.port, self.log = f"{work}/app", free_port(), f"{work}/log"
        self.process = None
        self.must([NAOS, "new", self.dir])
        self.must([NAOS, "add", *files], cwd=self.dir)
        with open(f"{self.dir}/image/etc/passwd", "a") as f:
            f.write(f"server:x:{uid}:{uid}:server:/data:/bin/sh\n")
        config = json.load(open(f"{self.dir}/naos.json"))
        config["user"] = {"uid": uid, "gid": uid}
        config["entry_points"] += ["/usr/lib/"]
        config["mounts"].append({"target": "/data", "type": "store", "source": "data", "size": "2G"})
        config["net"] = {"publish": [f"127.0.0.1:{self.port}:{inside_port}"]}
        json.dump(config, open(f"{self.dir}/naos.json", "w"))
        self.must([NAOS, "build"], cwd=self.dir)

    def must(self, command, **more):
        r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, **more)
        if r.returncode:
            raise Failure(f"{' '.join(command)}: status {r.returncode}: {(r.stdout + r.stderr)[-600:]}")
        return r.stdout

    def run(self, *program):
        return self.must([NAOS, "run", "-C", self.dir, *program])

    def start(self, *program, run_options=()):
        log = open(self.log, "a")
        self.process = subprocess.Popen([NAOS, "run", "-C", self.dir, *run_options, *program], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_for(self, is_up):
        end = time.monotonic() + LIMIT
        while not is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failure(f"the server does not come up: {open(self.log).read()[-800:]}")
            time.sleep(0.02)

    def stop(self, signo):
        self.process.send_signal(signo)
        return self.process.wait(LIMIT)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Postgresql:
    """Its data in /data/pg; psql and its like out here."""

    def __init__(self, work, options=()):
        self.enclave = Enclave(work, PG_FILES, 5432, 1000)
        self.env = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.enclave.port), PGUSER="server", PGDATABASE="postgres")
        self.options = [word for o in options for word in ("-c", o)]
        self.enclave.run(f"{PG}/initdb", "-D", "/data/pg", "--locale=C", "-A", "trust", "-U", "server")
        self.enclave.run("/bin/busybox", "sh", "-c", "echo host all all all trust >>/data/pg/pg_hba.conf")

    def tool(self, name, *args):
        return self.enclave.must([f"{PG}/{name}", *args], env=self.env)

    def sql(self, text):
        return self.tool("psql", "-XAtqc", text).strip()

    def is_up(self):
        return subprocess.run([f"{PG}/psql", "-XAtqc", "select 1"], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=LIMIT).returncode == 0

    def start(self, *run_options):
        self.enclave.start(f"{PG}/postgres", "-D", "/data/pg", "-p", "5432", "-k", "/tmp", "-c", "listen_addresses=*", *self.options,
                           run_options=run_options)
        self.enclave.wait_for(self.is_up)

    def bench_sums(self):
        """Rows of pgbench's history, and its four sums, which are one and the same if no transaction was torn."""
        history, *sums = (int(x) for x in self.sql(
            "select (select count(*) from pgbench_history), (select coalesce(sum(delta), 0) from pgbench_history),"
            " (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from pgbench_branches),"
            " (select sum(tbalance) from pgbench_tellers)").split("|"))
        return history, sums
