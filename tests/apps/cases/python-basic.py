# add: /usr/bin/python3 /usr/lib/python3.11
import sys, os, json, re, math, hashlib, zlib, struct, collections, itertools, functools, datetime, decimal, random, tempfile, pathlib
print(sys.version_info[:2], sum(range(1000)), math.factorial(30))
print(json.dumps({"b": [1, 2.5, None, True], "a": "é"}, sort_keys=True))
print(hashlib.sha256(b"naos" * 1000).hexdigest(), zlib.crc32(b"x" * 100000))
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"))
with tempfile.TemporaryDirectory() as d:
    p = pathlib.Path(d) / "f"
    p.write_text("line\n" * 1000)
    print(p.stat().st_size, len(p.read_text().splitlines()), sorted(os.listdir(d)))
r = random.Random(42)
print([r.randrange(100) for _ in range(10)], decimal.Decimal(1) / 7)
print(collections.Counter("mississippi").most_common(3))
try:
    open("/nonexistent")
except OSError as e:
    print(e.errno, e.strerror)
a = bytearray(50_000_000); a[::4096] = b"x" * len(a[::4096]); print(a.count(b"x"))
print(struct.unpack("<IH", struct.pack("<IH", 7, 8)), os.getpid() > 0)
sys.exit(3)
