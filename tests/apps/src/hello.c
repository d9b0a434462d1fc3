/* SPDX-License-Identifier: Apache-2.0 */
/* A small program for each way to link: prints what it can see of itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_data = 7;

int main(int argc, char **argv)
{
    printf("hello, argc %d, last %s\n", argc, argv[argc - 1]);
    char *heap = malloc(1 << 20);
    memset(heap, 1, 1 << 20);
    pid_t child = fork();
    if (child == 0) {
        in_data = 8;
        _exit(heap[100] + in_data);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child %d, data %d\n", WEXITSTATUS(status), in_data);
    return 11;
}
