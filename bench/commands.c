/* SPDX-License-Identifier: Apache-2.0 */
/* Whole programs, started one after the other in what already runs: a shell, a compiler, pure computing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define SUM_LOOP "import time\nb=time.perf_counter()\nt=0\nfor i in range(8000000): t+=i*i%7\nprint(time.perf_counter()-b)\n"

extern char **environ;
static posix_spawn_file_actions_t quiet;

static void run(char *const argv[])
{
    pid_t pid;
    int status;
    bench_need(posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0, argv[0]);
    bench_need(waitpid(pid, &status, 0) == pid && status == 0, argv[0]);
}

static void shell_pipeline(void)
{
    run((char *[]){"bash", "-c", "echo a|cat", NULL});
}

static void gcc_hello(void)
{
    run((char *[]){"gcc", "-O2", "-o", "/tmp/bench-hello", "/tmp/bench-hello.c", NULL});
}

/* What openssl counted in its second, from its machine-readable line "+F:...:BYTES_PER_S". */
static void openssl_rate(void)
{
    char line[512];
    FILE *out = popen("openssl speed -mr -seconds 1 -bytes 16384 sha256 2>/dev/null", "r");
    bench_need(out != NULL, "openssl");
    while (fgets(line, sizeof(line), out)) {
        char *last = strrchr(line, ':');
        if (strncmp(line, "+F:", 3) == 0 && last)
            bench_report("openssl_sha256", strtod(last + 1, NULL) / 1e6, "MB/s");
    }
    pclose(out);
}

/* The loop alone, without the interpreter's start. */
static void python_loop(void)
{
    char line[64];
    FILE *out = popen("python3 -c '" SUM_LOOP "'", "r");
    bench_need(out != NULL, "python3");
    if (fgets(line, sizeof(line), out))
        bench_report("python_loop", strtod(line, NULL) * 1e3, "ms");
    pclose(out);
}

static void source_write(void)
{
    static const char source[] = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
    int fd = open("/tmp/bench-hello.c", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    bench_need(fd >= 0 && write(fd, source, sizeof(source) - 1) == (ssize_t)sizeof(source) - 1, "/tmp/bench-hello.c");
    close(fd);
}

static void report_ms(const char *name, const char *needs, void (*work)(void), int count)
{
    if (access(needs, X_OK) == 0)
        bench_report(name, bench_median_ns(work, count) / 1e6, "ms");
}

int main(void)
{
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    source_write();
    report_ms("shell_pipeline", "/bin/bash", shell_pipeline, 10);
    report_ms("gcc_hello", "/usr/bin/gcc", gcc_hello, 1);
    python_loop();
    openssl_rate();
    return 0;
}
