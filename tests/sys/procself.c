/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self and its files, as programs read them; programs that run are not written to (ETXTBSY). */
#include "fs.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static char text[65536];

static size_t slurp(const char *name)
{
    size_t size = 0;
    int fd = open(name, O_RDONLY);
    ssize_t n;
    CHECK(fd >= 0);
    while ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
        size += (size_t)n;
    CHECK(n == 0);
    close(fd);
    text[size] = 0;
    return size;
}

/* The number behind "Name:" in a file of such lines. */
static long field(const char *file, const char *name)
{
    slurp(file);
    const char *at = strstr(text, name);
    CHECK(at);
    return strtol(at + strlen(name), NULL, 0);
}

static void test_status(void)
{
    CHECK(field("/proc/self/status", "\nPid:") == getpid() && field("/proc/self/status", "\nPPid:") == getppid());
    CHECK(field("/proc/self/status", "\nTgid:") == getpid() && field("/proc/self/status", "\nThreads:") == 1);
    CHECK(field("/proc/self/status", "\nUid:") == (long)getuid() && field("/proc/self/status", "\nVmRSS:") > 0);
    CHECK(field("/proc/self/status", "\nVmSize:") >= field("/proc/self/status", "\nVmRSS:"));
    CHECK(field("/proc/self/status", "\nFDSize:") >= 3);
    field("/proc/self/status", "\nSigCgt:");
    field("/proc/self/status", "\nCapEff:");
    field("/proc/self/status", "\nvoluntary_ctxt_switches:");
    slurp("/proc/self/stat");
    unsigned fields = 1;
    char *at = strrchr(text, ')');
    CHECK(at && atoi(text) == getpid());
    for (; *at; at++)
        fields += *at == ' ';
    CHECK(fields + 1 == 52);
    CHECK(slurp("/proc/self/statm") > 0 && strtol(text, NULL, 10) > 0);
    CHECK(slurp("/proc/self/cmdline") > 0 && text[strlen(text)] == 0);
    CHECK(prctl(PR_SET_NAME, "renamed") == 0 && slurp("/proc/self/comm") == 8 && strcmp(text, "renamed\n") == 0);
    put_file("/proc/self/comm", "again", 0);
    char name[17] = "";
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "again") == 0);
}

static void test_maps(void)
{
    char exe[PATH_MAX] = "", line[64];
    CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0 && exe[0] == '/');
    void *mapped = mmap(NULL, 12288, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    slurp("/proc/self/maps");
    CHECK(strstr(text, exe) && strstr(text, "[stack]"));
    snprintf(line, sizeof(line), "%lx-", (unsigned long)mapped);
    unsigned long start, end;
    bool is_found = false;
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        char perms[5];
        CHECK(sscanf(at, "%lx-%lx %4s", &start, &end, perms) == 3 && start < end);
        is_found |= start <= (unsigned long)mapped && end >= (unsigned long)mapped + 12288 && strcmp(perms, "r--p") == 0;
    }
    CHECK(is_found);
    CHECK(slurp("/proc/self/smaps") > 0 && strstr(text, "\nRss:") && strstr(text, "\nPrivate_Dirty:"));
}

static void test_links(void)
{
    char target[PATH_MAX] = "", here[PATH_MAX], link[64];
    struct stat st;
    CHECK(getcwd(here, sizeof(here)) && readlink("/proc/self/cwd", target, sizeof(target) - 1) > 0 && strcmp(target, here) == 0);
    memset(target, 0, sizeof(target));
    CHECK(readlink("/proc/self/root", target, sizeof(target) - 1) == 1 && target[0] == '/');
    memset(target, 0, sizeof(target));
    CHECK(readlink("/proc/self", target, sizeof(target) - 1) > 0 && atoi(target) == getpid());
    put_file("f", "hello", 0644);
    int fd = open("f", O_RDWR | O_APPEND);
    CHECK(lseek(fd, 3, SEEK_SET) == 3);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    memset(target, 0, sizeof(target));
    CHECK(readlink(link, target, sizeof(target) - 1) > 0 && strcmp(strrchr(target, '/'), "/f") == 0);
    CHECK(stat(link, &st) == 0 && st.st_size == 5 && lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", fd);
    CHECK(field(link, "pos:") == 3);
    slurp(link);
    CHECK((strtol(strstr(text, "flags:") + 6, NULL, 8) & O_APPEND) != 0);
    CHECK_ERRNO(open("/proc/self/fd/999", O_RDONLY), ENOENT);
    int p[2];
    CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", p[0]);
    int again = open(link, O_RDONLY | O_NONBLOCK);
    char c;
    CHECK(again >= 0 && read(again, &c, 1) == 1 && c == 'x');
    CHECK(is_there("/proc/self/task") && opendir("/proc/self/task"));
    snprintf(link, sizeof(link), "/proc/%d/task/%d/status", getpid(), getpid());
    CHECK(field(link, "\nPid:") == getpid());
}

static void test_others(void)
{
    slurp("/proc/self/limits");
    CHECK(strstr(text, "Max open files") && strstr(text, "Max stack size"));
    slurp("/proc/self/mounts");
    CHECK(strstr(text, " /proc proc "));
    slurp("/proc/self/mountinfo");
    CHECK(strstr(text, " - proc "));
    CHECK(slurp("/proc/self/auxv") % 16 == 0 && slurp("/proc/self/auxv") > 64);
    put_file("/proc/self/oom_score_adj", "500", 0);
    CHECK(slurp("/proc/self/oom_score_adj") == 4 && strcmp(text, "500\n") == 0);
    CHECK(field("/proc/meminfo", "MemTotal:") > 0 && field("/proc/meminfo", "\nMemAvailable:") > 0);
    CHECK(field("/proc/meminfo", "\nMemFree:") <= field("/proc/meminfo", "MemTotal:"));
    slurp("/proc/cpuinfo");
    CHECK(strstr(text, "processor\t: 0"));
    double up;
    CHECK(slurp("/proc/uptime") > 0 && sscanf(text, "%lf", &up) == 1 && up >= 0);
    double load;
    CHECK(slurp("/proc/loadavg") > 0 && sscanf(text, "%lf", &load) == 1);
    CHECK(slurp("/proc/version") > 6 && memcmp(text, "Linux ", 6) == 0);
    slurp("/proc/filesystems");
    CHECK(strstr(text, "proc\n"));
    CHECK(slurp("/proc/stat") > 0 && memcmp(text, "cpu ", 4) == 0 && strstr(text, "\nbtime "));
    CHECK(slurp("/proc/sys/kernel/ostype") == 6 && slurp("/proc/sys/kernel/osrelease") > 0);
    CHECK(slurp("/proc/sys/kernel/random/uuid") == 37);
    CHECK_ERRNO(mkdir("/proc/x", 0755), ENOENT);
    CHECK_ERRNO(open("/proc/999999", O_RDONLY), ENOENT);
    CHECK(slurp("/sys/devices/system/cpu/online") >= 2);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    CHECK(count >= 1);
}

static void busy_part(void)
{
    CHECK_ERRNO(open("program", O_WRONLY), ETXTBSY);
    CHECK_ERRNO(open("program", O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERRNO(truncate("program", 0), ETXTBSY);
    CHECK(unlink("program") == 0);
}

static void test_text_busy(void)
{
    int from = open("/proc/self/exe", O_RDONLY), to = open("program", O_WRONLY | O_CREAT, 0755), ready[2], status;
    ssize_t n;
    while ((n = read(from, text, sizeof(text))) > 0)
        CHECK(write(to, text, (size_t)n) == n);
    CHECK_ERRNO(execl("./program", "program", "wait", NULL), ETXTBSY); /* it is open for writing */
    close(to);
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ready[1], 1);
        execl("./program", "program", "wait", NULL);
        _exit(1);
    }
    CHECK(read(ready[0], text, 1) == 1);
    busy_part();
    CHECK(kill(child, 9) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void (*const cases[])(void) = {test_status, test_maps, test_links, test_others, test_text_busy};

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "wait") == 0) {
        CHECK(write(1, "x", 1) == 1);
        pause();
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fs_case("/tmp", cases[i]);
    return 0;
}
