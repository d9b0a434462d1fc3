# SPDX-License-Identifier: Apache-2.0
"""Servers with their clients outside, natively and in an enclave: the rows of `bench/run servers`.

Each server is a line of shell, the same on both sides; PORT is what it listens on, published by the enclave. A server whose
package is missing gives no rows.
"""
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

JAVA = "/usr/lib/jvm/java-17-openjdk-amd64"
PG = "/usr/lib/postgresql/15"
TOOLS = ["/bin/bash", "/bin/sleep", "/usr/bin/setpriv", "/usr/bin/chmod", "/usr/bin/mkdir", "/usr/bin/mktemp", "/usr/bin/head", "/etc/passwd", "/etc/group"]
PACKAGES = [["/usr/bin/redis-server", "/usr/bin/redis-benchmark", "/usr/bin/redis-cli"], ["/usr/sbin/nginx", "/etc/nginx/mime.types"],
            [f"{PG}/bin", f"{PG}/lib", "/usr/share/postgresql/15", "/usr/share/zoneinfo"],
            [f"{JAVA}/bin/java", f"{JAVA}/lib", f"{JAVA}/conf", "/etc/java-17-openjdk"], ["/usr/bin/node"]]
REDIS = "exec /usr/bin/redis-server --port $PORT --bind 0.0.0.0 --protected-mode no --save '' --appendonly no"
REDIS_INSIDE = f"({REDIS}) >/dev/null & for i in {{1..100}}; do redis-cli -p $PORT ping >/dev/null 2>&1 && break; sleep 0.1; done; " \
    "redis-benchmark -p $PORT -t set,get -n 100000 -c 50 --csv; kill $!; wait"
NGINX = """d=$(mktemp -d); chmod 755 $d; mkdir $d/www; head -c 1024 /dev/zero >$d/www/1k; head -c 102400 /dev/zero >$d/www/100k
echo "worker_processes 2; daemon off; pid $d/pid; error_log $d/error.log; user root; events { worker_connections 512; }
http { access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path $d/b; proxy_temp_path $d/p; fastcgi_temp_path $d/f;
uwsgi_temp_path $d/u; scgi_temp_path $d/s; server { listen $PORT; root $d/www; } }" >$d/conf
exec /usr/sbin/nginx -e $d/error.log -c $d/conf"""
POSTGRES = f"""d=$(mktemp -d); chmod 777 $d; export PATH={PG}/bin:$PATH; pg() {{ setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }}
pg initdb -D $d/data --locale=C -A trust >/dev/null; echo 'host all all 0.0.0.0/0 trust' >>$d/data/pg_hba.conf
pg postgres -D $d/data -p $PORT -k $d -c listen_addresses=0.0.0.0"""
HELLO_JAVA = "public class Hello { public static void main(String[] a) { System.out.println(1); } }\n"


class Servers:
    """One instance with every server that is installed, and a published port."""

    def __init__(self, naos, folder, programs):
        self.naos, self.app, self.programs = naos, folder, programs
        with socket.socket() as s:
            s.bind(("0.0.0.0", 0))
            self.port = s.getsockname()[1]
        self.build()

    def build(self):
        subprocess.run(["rm", "-rf", self.app], check=True)
        quiet = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([self.naos, "new", self.app], **quiet)
        files = TOOLS + [f for package in PACKAGES if all(map(os.path.exists, package)) for f in package]
        subprocess.run([self.naos, "add"] + files, cwd=self.app, **quiet)
        self.add_classes()
        os.makedirs(f"{self.app}/image/bench")
        for name in ("hold", "starts"):
            shutil.copy(f"{self.programs}/{name}", f"{self.app}/image/bench/{name}")
        config = json.load(open(f"{self.app}/naos.json"))
        config["memory"]["size"] = "6GiB"
        config["mounts"] = [{"target": "/tmp", "type": "memory", "size": "2GiB"}]
        config["entry_points"] += ["/bench/", "/bin/", "/usr/bin/"]
        config.setdefault("env", {}).setdefault("host", []).append("PORT")
        config["net"] = {"publish": [str(self.port)]}
        json.dump(config, open(f"{self.app}/naos.json", "w"), indent=2)
        subprocess.run([self.naos, "build"], cwd=self.app, **quiet)

    def add_classes(self):
        """Hello.class, on both sides at the same place."""
        self.classes = f"{self.app}/image/bench-java"
        os.makedirs(self.classes)
        if shutil.which("javac"):
            open(f"{self.classes}/Hello.java", "w").write(HELLO_JAVA)
            subprocess.run(["javac", f"{self.classes}/Hello.java"], check=True)

    def command(self, inside, *words):
        return [self.naos, "run", "-C", self.app, "-w", "/tmp", "-e", "PORT", *words] if inside else list(words)

    def env(self):
        return dict(os.environ, PORT=str(self.port))

    def start(self, inside, script):
        return subprocess.Popen(self.command(inside, "/bin/bash", "-c", script), env=self.env(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/tmp")

    def stop(self, process):
        """The whole group: natively the server's own processes are in it."""
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, *words, timeout=180):
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout, env=self.env()).stdout

    def reached(self, *words):
        """Waits until a client succeeds."""
        for _ in range(300):
            if subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return True
            time.sleep(0.1)
        return False


def csv_rates(text, suffix):
    """Rows of redis-benchmark's table: "SET","12345.67",..."""
    return {f"redis_{test.lower()}_{suffix}": (float(rate), "op/s") for test, rate in re.findall(r'^"(\w+)","([\d.]+)"', text, re.M)}


def redis_rows(s, inside):
    server, rows = s.start(inside, REDIS), {}
    if s.reached("redis-cli", "-p", str(s.port), "ping"):
        for suffix, words in (("c20", ["-c", "20"]), ("c50", ["-c", "50"]), ("p16", ["-c", "50", "-P", "16"])):
            count = "800000" if suffix == "p16" else "100000"
            rows.update(csv_rates(s.ask("redis-benchmark", "-p", str(s.port), "-t", "set,get", "-n", count, "--csv", *words), suffix))
    s.stop(server)
    rows.update(csv_rates(s.ask(*s.command(inside, "/bin/bash", "-c", REDIS_INSIDE)), "inside"))
    return rows


def nginx_rows(s, inside):
    server, rows, base = s.start(inside, NGINX), {}, f"http://127.0.0.1:{s.port}"
    if s.reached("curl", "-sf", "-o", "/dev/null", f"{base}/1k"):
        for name in ("1k", "100k"):
            for clients in ("20", "100"):
                found = re.search(r"Requests/sec:\s*([\d.]+)", s.ask("wrk", "-t", "1", "-c", clients, "-d", "4", f"{base}/{name}"))
                if found:
                    rows[f"nginx_{name}_c{clients}"] = (float(found[1]), "req/s")
    s.stop(server)
    return rows


def postgres_rows(s, inside):
    server, rows = s.start(inside, POSTGRES), {}
    at = ["-h", "127.0.0.1", "-p", str(s.port), "-U", "postgres"]
    if s.reached("psql", *at, "-c", "select 1", "postgres"):
        s.ask("pgbench", *at, "-i", "-s", "10", "-q", "postgres")
        for row, words in (("pgbench_select", ["-S", "-c", "8", "-T", "6"]), ("pgbench_write", ["-c", "8", "-T", "6"])):
            found = re.search(r"tps = ([\d.]+)", s.ask("pgbench", *at, "-n", *words, "postgres"))
            if found:
                rows[row] = (float(found[1]), "tps")
    s.stop(server)
    return rows


def start_rows(s, inside):
    """Java and Node, started again and again in what already runs."""
    classes, bench = ("/bench-java", "/bench") if inside else (s.classes, s.programs)
    rows = {}
    for row, words in (("java_start", [f"{JAVA}/bin/java", "-cp", classes, "Hello"]), ("node_start", ["/usr/bin/node", "-e", "console.log(1)"])):
        found = re.search(r"^start ([\d.]+) ms", s.ask(*s.command(inside, f"{bench}/starts", *words)), re.M)
        if found:
            rows[row] = (float(found[1]), "ms")
    return rows


def idle_rows(s, inside):
    """10,000 connections that say nothing: what each costs in memory of the enclave. Natively the kernel's count is too coarse."""
    if not inside:
        return {}
    count = 10000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = subprocess.Popen(s.command(inside, "/bench/hold", str(s.port), str(count)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    server.stdout.readline()
    held = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(count)]
    found = re.search(r"idle_connection (-?\d+) B", server.communicate(timeout=60)[0])
    for c in held:
        c.close()
    return {"idle_connection": (float(found[1]), "B")} if found else {}


GROUPS = {"redis": redis_rows, "nginx": nginx_rows, "postgres": postgres_rows, "starts": start_rows, "idle": idle_rows}
