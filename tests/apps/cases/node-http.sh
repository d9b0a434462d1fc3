# add: /usr/bin/node
# Node.js: an HTTP server and 200 requests to it, workers, a child process, TCP streams.
node -e '
const http = require("http"), net = require("net"), { Worker, isMainThread } = require("worker_threads"), cp = require("child_process");
const web = http.createServer((q, r) => r.end("path " + q.url)).listen(0, "127.0.0.1", async () => {
    const port = web.address().port; let n = 0;
    await Promise.all([...Array(20).keys()].map(async k => { for (let i = 0; i < 10; i++) { const t = await (await fetch(`http://127.0.0.1:${port}/${k}`)).text(); n += t.length; } }));
    console.log("http", n); web.close(); web.closeAllConnections();
    const w = new Worker("require(\"worker_threads\").parentPort.postMessage(6 * 7)", { eval: true });
    w.on("message", m => { console.log("worker", m);
        console.log("child", cp.execFileSync(process.execPath, ["-p", "1+1"]).toString().trim());
        const echo = net.createServer(c => c.pipe(c)).listen(0, "127.0.0.1", () => {
            const c = net.connect(echo.address().port, "127.0.0.1"); let got = 0;
            c.on("data", d => { got += d.length; if (got === 1000000) { console.log("echo", got); c.end(); echo.close(); } });
            c.write(Buffer.alloc(1000000));
        });
    });
});'
