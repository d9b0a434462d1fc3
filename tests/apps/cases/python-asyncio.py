# add: /usr/bin/python3 /usr/lib/python3.11 /bin/cat
import asyncio
async def main():
    async def tick(n): await asyncio.sleep(0.01 * n); return n
    print(await asyncio.gather(*[tick(i) for i in range(10)]))
    p = await asyncio.create_subprocess_exec("/bin/cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate(b"async cat"); print(out, p.returncode)
    q = asyncio.Queue()
    async def prod(): [await q.put(i) for i in range(100)]
    async def cons(): return sum([await q.get() for _ in range(100)])
    _, s = await asyncio.gather(prod(), cons()); print(s)
    try: await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError: print("timeout")
    print(await asyncio.to_thread(lambda: 42))
asyncio.run(main())
