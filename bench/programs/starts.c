/* SPDX-License-Identifier: Apache-2.0 */
/* starts PROGRAM [ARG...]: runs it eight times and prints the median time of the last seven. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../bench.h"

extern char **environ;

int main(int argc, char **argv)
{
    double times[BENCH_ROUNDS];
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    bench_need(argc > 1, "starts PROGRAM");
    for (int i = -1; i < BENCH_ROUNDS; i++) {
        double begin = bench_now_ns();
        int status;
        pid_t pid;
        bench_need(posix_spawn(&pid, argv[1], &quiet, NULL, argv + 1, environ) == 0, argv[1]);
        bench_need(waitpid(pid, &status, 0) == pid && status == 0, argv[1]);
        times[i < 0 ? 0 : i] = bench_now_ns() - begin;
    }
    qsort(times, BENCH_ROUNDS, sizeof(times[0]), bench_compare);
    bench_report("start", times[BENCH_ROUNDS / 2] / 1e6, "ms");
    return 0;
}
