# add: /usr/bin/node /bin/cat /usr/bin/head
# timeout: 120
node -e 'const fs = require("fs"), cp = require("child_process"), os = require("os"), { Worker } = require("worker_threads"); console.log([3, 1, 2].sort(), require("crypto").createHash("sha256").update("naos").digest("hex"));
fs.writeFileSync("f", "data"); fs.readFile("f", "utf8", (e, d) => { console.log(d); const c = cp.spawn("cat"); c.stdout.on("data", d => process.stdout.write(d)); c.on("close", code => { console.log("cat", code, cp.execSync("echo sync").toString().trim());
new Worker("require(\"worker_threads\").parentPort.postMessage(42)", { eval: true }).on("message", m => { console.log("worker", m); setTimeout(() => process.exit(5), 20); }); }); c.stdin.end("through cat\n"); });'; echo "node $?"
