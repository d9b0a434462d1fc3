# add: /usr/lib/jvm/java-17-openjdk-amd64/bin/java /usr/lib/jvm/java-17-openjdk-amd64/lib /usr/lib/jvm/java-17-openjdk-amd64/conf /etc/java-17-openjdk /usr/bin/mktemp /usr/bin/cat /etc/passwd
# timeout: 120
# OpenJDK: source files run directly (javac inside), G1 and serial collectors under pressure, an HTTP server and its clients.
dir=$(mktemp -d) && cd "$dir" || exit 1
java=/usr/lib/jvm/java-17-openjdk-amd64/bin/java
cat >Pressure.java <<'END'
import java.util.*; import java.util.concurrent.*;
public class Pressure {
    public static void main(String[] a) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> parts = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            final int seed = t;
            parts.add(pool.submit(() -> {
                long sum = 0; List<byte[]> keep = new ArrayList<>();
                for (int i = 0; i < 10000; i++) { byte[] b = new byte[4096]; b[i % 4096] = (byte) seed; keep.add(b); sum += b.length; if (keep.size() > 2000) keep.clear(); }
                return sum;
            }));
        }
        long total = 0; for (Future<Long> f : parts) total += f.get();
        pool.shutdown(); System.out.println(total);
    }
}
END
cat >Web.java <<'END'
import com.sun.net.httpserver.*; import java.net.*; import java.util.concurrent.*;
public class Web {
    public static void main(String[] a) throws Exception {
        HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        s.createContext("/", e -> { byte[] b = "hello\n".getBytes(); e.sendResponseHeaders(200, b.length); e.getResponseBody().write(b); e.close(); });
        s.setExecutor(Executors.newFixedThreadPool(4)); s.start();
        int n = 0;
        for (int i = 0; i < 100; i++) try (var in = new URL("http://127.0.0.1:" + s.getAddress().getPort() + "/").openStream()) { n += in.readAllBytes().length; }
        System.out.println(n); s.stop(0); System.exit(0);
    }
}
END
$java -Xmx128m -XX:+UseG1GC Pressure.java && $java -Xmx128m -XX:+UseSerialGC Pressure.java && $java -Xmx256m Web.java
