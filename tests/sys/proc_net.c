/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net: a line for each of our sockets, by its inode, that says what it is; interfaces agree with getifaddrs and ioctl. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "check.h"

static unsigned long ino_of(int fd)
{
    struct stat st;
    char link[64], name[32], text[64];
    CHECK(fstat(fd, &st) == 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    snprintf(text, sizeof(text), "socket:[%lu]", (unsigned long)st.st_ino);
    CHECK(strcmp(link, text) == 0);
    return (unsigned long)st.st_ino;
}

struct line {
    char local[40], remote[40];
    unsigned local_port, remote_port, state;
    unsigned long queue;
};

static bool line_find(const char *table, unsigned long ino, struct line *l)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/net/%s", table);
    FILE *f = fopen(path, "r");
    CHECK(f && fgets(text, sizeof(text), f));
    bool is_found = false;
    while (!is_found && fgets(text, sizeof(text), f)) {
        unsigned long own;
        CHECK(sscanf(text, " %*u: %39[0-9A-F]:%X %39[0-9A-F]:%X %X %*X:%lX %*X:%*X %*X %*u %*u %lu", l->local, &l->local_port, l->remote,
                     &l->remote_port, &l->state, &l->queue, &own) == 7);
        is_found = own == ino;
    }
    fclose(f);
    return is_found;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof(a);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &size) == 0);
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port : ((struct sockaddr_in6 *)&a)->sin6_port);
}

static int bound(int family, int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, type, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, family == AF_INET ? sizeof(v4) : sizeof(v6)) == 0);
    return fd;
}

static int connected(int to, int type)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof(a);
    CHECK(getsockname(to, (struct sockaddr *)&a, &size) == 0);
    int fd = socket(a.ss_family, type, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, size) == 0);
    return fd;
}

static void test_tcp(int family, const char *table, const char *loopback)
{
    struct line l;
    int listener = bound(family, SOCK_STREAM);
    CHECK(!line_find(table, ino_of(listener), &l)); /* bound only: no state yet */
    CHECK(listen(listener, 5) == 0);
    CHECK(line_find(table, ino_of(listener), &l) && l.state == 10 && l.local_port == port_of(listener) && l.remote_port == 0);
    CHECK(strcmp(l.local, loopback) == 0 && strspn(l.remote, "0") == strlen(l.remote));
    int client = connected(listener, SOCK_STREAM), server = accept(listener, NULL, NULL);
    CHECK(server >= 0);
    CHECK(line_find(table, ino_of(client), &l) && l.state == 1 && l.remote_port == port_of(listener) && l.local_port == port_of(client));
    CHECK(strcmp(l.remote, loopback) == 0);
    CHECK(line_find(table, ino_of(server), &l) && l.state == 1 && l.local_port == port_of(listener) && l.remote_port == port_of(client));
    CHECK(write(client, "hello", 5) == 5);
    CHECK(line_find(table, ino_of(server), &l) && l.queue == 5);
    CHECK(shutdown(client, SHUT_WR) == 0);
    CHECK(line_find(table, ino_of(client), &l) && (l.state == 5 || l.state == 4) && line_find(table, ino_of(server), &l) && l.state == 8);
    unsigned long ino = ino_of(server);
    close(server);
    CHECK(!line_find(table, ino, &l));
    ino = ino_of(listener);
    close(listener);
    CHECK(!line_find(table, ino, &l));
    close(client);
}

static void test_udp(int family, const char *table, const char *loopback)
{
    struct line l;
    int unbound = socket(family, SOCK_DGRAM, 0), one = bound(family, SOCK_DGRAM), two = connected(one, SOCK_DGRAM);
    CHECK(!line_find(table, ino_of(unbound), &l));
    CHECK(line_find(table, ino_of(one), &l) && l.state == 7 && l.local_port == port_of(one) && l.remote_port == 0 && l.queue == 0);
    CHECK(strcmp(l.local, loopback) == 0);
    CHECK(line_find(table, ino_of(two), &l) && l.state == 1 && l.remote_port == port_of(one));
    CHECK(write(two, "hello", 5) == 5);
    CHECK(line_find(table, ino_of(one), &l) && l.queue >= 5);
    close(unbound), close(one), close(two);
}

static void unix_line(unsigned long ino, unsigned type, unsigned state, unsigned flags, const char *name)
{
    char text[512];
    FILE *f = fopen("/proc/net/unix", "r");
    CHECK(f && fgets(text, sizeof(text), f));
    while (fgets(text, sizeof(text), f)) {
        unsigned own_flags, own_type, own_state;
        unsigned long own;
        char path[200] = "";
        CHECK(sscanf(text, "%*[0-9a-f]: %*X %*X %X %X %X %lu %199[^\n]", &own_flags, &own_type, &own_state, &own, path) >= 4);
        if (own != ino)
            continue;
        CHECK(own_type == type && own_state == state && own_flags == flags && strcmp(path, name) == 0);
        fclose(f);
        return;
    }
    CHECK(!"a line for it");
}

static void test_unix(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/proc-net.XXXXXX", shown[128];
    int pair[2], path = socket(AF_UNIX, SOCK_STREAM, 0), hidden = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(mkdtemp(dir) && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    unix_line(ino_of(pair[0]), SOCK_SEQPACKET, 3, 0, "");
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
    CHECK(bind(path, (struct sockaddr *)&a, sizeof(a)) == 0);
    unix_line(ino_of(path), SOCK_STREAM, 1, 0, a.sun_path);
    CHECK(listen(path, 1) == 0);
    unix_line(ino_of(path), SOCK_STREAM, 1, 0x10000, a.sun_path);
    CHECK(unlink(a.sun_path) == 0 && rmdir(dir) == 0);
    int len = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "proc-net-%d", (int)getpid());
    a.sun_path[0] = 0;
    CHECK(bind(hidden, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0);
    snprintf(shown, sizeof(shown), "@%s", a.sun_path + 1);
    unix_line(ino_of(hidden), SOCK_DGRAM, 1, 0, shown);
    close(pair[0]), close(pair[1]), close(path), close(hidden);
}

static bool dev_has(const char *name)
{
    char text[512], found[32];
    bool is_found = false;
    FILE *f = fopen("/proc/net/dev", "r");
    CHECK(f && fgets(text, sizeof(text), f) && fgets(text, sizeof(text), f));
    while (fgets(text, sizeof(text), f)) {
        CHECK(sscanf(text, " %31[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u", found) == 1);
        is_found |= strcmp(found, name) == 0;
    }
    fclose(f);
    return is_found;
}

static void test_interfaces(void)
{
    struct ifaddrs *all;
    bool has_lo = false;
    CHECK(getifaddrs(&all) == 0);
    for (struct ifaddrs *a = all; a; a = a->ifa_next) {
        CHECK(dev_has(a->ifa_name) && if_nametoindex(a->ifa_name) > 0);
        has_lo |= strcmp(a->ifa_name, "lo") == 0;
    }
    freeifaddrs(all);
    CHECK(has_lo && dev_has("lo"));
}

int main(void)
{
    struct stat st;
    char link[32];
    CHECK(readlink("/proc/net", link, sizeof(link)) == 8 && memcmp(link, "self/net", 8) == 0);
    CHECK(stat("/proc/self/net/route", &st) == 0 && S_ISREG(st.st_mode));
    test_tcp(AF_INET, "tcp", "0100007F");
    test_udp(AF_INET, "udp", "0100007F");
    test_tcp(AF_INET6, "tcp6", "00000000000000000000000001000000");
    test_udp(AF_INET6, "udp6", "00000000000000000000000001000000");
    test_unix();
    test_interfaces();
    return 0;
}
