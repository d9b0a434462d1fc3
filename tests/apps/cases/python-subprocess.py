# add: /usr/bin/python3 /usr/lib/python3.11 /bin/cat /bin/sh /bin/sleep
import subprocess, os, signal, sys
print(subprocess.run(["/bin/cat"], input=b"through cat", capture_output=True).stdout)
print(subprocess.check_output("echo $((6*7)); exit 0", shell=True))
p = subprocess.Popen(["/bin/sleep", "30"]); p.send_signal(signal.SIGTERM); print(p.wait())
try:
    subprocess.run(["/bin/sleep", "5"], timeout=0.2)
except subprocess.TimeoutExpired:
    print("timeout")
try:
    subprocess.run(["/no/such"])
except FileNotFoundError as e:
    print("not found", e.errno)
print(subprocess.run([sys.executable, "-c", "import sys; sys.exit(9)"]).returncode)
r, w = os.pipe(); pid = os.fork()
if pid == 0:
    os.close(r); os.write(w, b"from child"); os._exit(5)
os.close(w); print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
out = subprocess.run(["/bin/sh", "-c", "cat; echo err >&2"], input=b"x" * 1000000, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
print(len(out))
