/* SPDX-License-Identifier: Apache-2.0 */
/* hold PORT COUNT: accepts COUNT connections, keeps them, and prints what memory of the system each costs. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

static unsigned long long memory_free(void)
{
    struct sysinfo info;
    sysinfo(&info);
    return (unsigned long long)info.freeram * info.mem_unit;
}

static int listener_open(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1024) < 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int count = atoi(argv[2]), fd = listener_open(atoi(argv[1]));
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    unsigned long long before = memory_free();
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < count; i++)
        if (accept(fd, NULL, NULL) < 0) {
            perror("accept");
            return 1;
        }
    printf("idle_connection %.0f B\n", (double)(long long)(before - memory_free()) / count);
    return 0;
}
