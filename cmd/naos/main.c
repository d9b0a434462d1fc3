/* SPDX-License-Identifier: Apache-2.0 */
/* naos: which subcommand, and help. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"

static int cmd_help(int argc, char **argv);

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"new", "make an instance: naos.json and an empty image", cmd_new},
    {"add", "copy programs, with what they need, into the image", cmd_add},
    {"build", "make the trusted image and the measured, signed enclave", cmd_build},
    {"run", "run a program in the enclave", cmd_run},
    {"start", "boot an enclave that stays", cmd_start},
    {"exec", "run a program in an enclave that was started", cmd_exec},
    {"ps", "list enclaves that were started", cmd_ps},
    {"logs", "show what came out of one", cmd_logs},
    {"attach", "show it, and speak to it", cmd_attach},
    {"top", "show the processes in one", cmd_top},
    {"stats", "show its counters", cmd_stats},
    {"stop", "end one in good order", cmd_stop},
    {"kill", "send it a signal", cmd_kill},
    {"wait", "wait for its end", cmd_wait},
    {"rm", "forget one that has ended", cmd_rm},
    {"sign", "sign an enclave with a key that is here, elsewhere or in a token", cmd_sign},
    {"verify", "check an enclave's measurement, signature and image", cmd_verify},
    {"doctor", "show what this machine offers, and what naos makes of it", cmd_doctor},
    {"image", "list, compare or export the trusted image", cmd_image},
    {"gdb", "debug one, with the symbols of what is in it", cmd_gdb},
    {"core", "decrypt a core file that an enclave encrypted", cmd_core},
    {"perf-map", "tell perf what is in it", cmd_perf_map},
    {"inspect", "show what is in the enclave", cmd_inspect},
    {"store", "look at, check, copy and change stores", cmd_store},
    {"version", "show the version and what this machine runs enclaves with", cmd_version},
    {"help", "show this, or the help of a command", cmd_help},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

void hex_print(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void help_print(FILE *to)
{
    fputs("Usage: naos COMMAND [ARGUMENT]...\n"
          "Run unmodified Linux programs in a trusted execution environment.\n\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'naos COMMAND --help' explains a command; 'man naos' explains all of it.\n"
          "To begin:  naos new app && cd app && naos add /bin/ls && naos build && naos run /bin/ls "
          "/\n",
          to);
}

static int unknown(const char *name)
{
    fprintf(stderr, "naos: '%s' is not a command of naos; 'naos help' lists them\n", name);
    return STATUS_NAOS_FAILED;
}

static int cmd_help(int argc, char **argv)
{
    char *help[] = {argc > 1 ? argv[1] : NULL, "--help", NULL};
    if (argc < 2) {
        help_print(stdout);
        return STATUS_OK;
    }
    const struct command *c = command_find(argv[1]);
    if (!c || c->run == cmd_help)
        return c ? cmd_help(1, argv) : unknown(argv[1]);
    return c->run(2, help);
}

/* A descriptor opened later must never become stdin, stdout or stderr of a program: what the caller closed is /dev/null. */
static void standard_files_open(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    standard_files_open();
    if (argc < 2) {
        help_print(stderr);
        return STATUS_NAOS_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help(1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(1, argv);
    const struct command *c = command_find(argv[1]);
    return c ? c->run(argc - 1, argv + 1) : unknown(argv[1]);
}
