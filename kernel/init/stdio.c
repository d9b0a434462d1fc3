/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the host as a program gets them. One that the host has closed is closed inside too. The host's terminal becomes a
 * console of the enclave if both input and output are there; with only one of them it is a plain stream, since the other
 * programs of a pipeline (`naos run ls | less`) want its keys and its modes.
 */
#include "fs/stdio.h"
#include <linux/fcntl.h>
#include "base/log.h"
#include "init/init.h"
#include "tty/tty.h"

static struct tty *console_make(const struct process_start *start, int fd)
{
    struct tty *t = NULL;
    int err = console_open(fd, &t);
    if (err)
        log_info("no console (error %d)", err);
    else
        console_set_owner(t, start->uid, start->gid);
    return t;
}

void stdio_open(struct process_start *start, const int fds[3], const bool is_tty[3], struct tty **console)
{
    *console = is_tty[0] && is_tty[1] ? console_make(start, fds[0]) : NULL;
    for (int i = 0; i < 3; i++) {
        int err = *console && is_tty[i] ? console_file(*console, O_RDWR, &start->stdio[i])
                                        : host_file_open(fds[i], i == 0 ? O_RDONLY : O_WRONLY, &start->stdio[i]);
        if (err)
            log_info("descriptor %d is not open on the host (error %d)", i, -err);
    }
    if (*console && start->stdio[0]) {
        file_get(start->stdio[0]);
        start->tty = start->stdio[0];
    }
}
