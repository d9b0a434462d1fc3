/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

int program_run(char *const *argv, const char *why, struct error *err)
{
    pid_t pid;
    int status, failed = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (failed)
        return error_set(err, "%s cannot be run: %s", argv[0], strerror(failed));
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : error_set(err, "%s (%s says more above)", why, argv[0]);
}
