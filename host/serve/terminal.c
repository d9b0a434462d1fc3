/* SPDX-License-Identifier: Apache-2.0 */
/* The host's terminal: raw while the program inside runs (its line discipline is the enclave's), and always
 * put back as it was. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <termios.h>
#include "serve_internal.h"

static struct termios saved;
static int raw_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void make_raw(int fd)
{
    struct termios raw = saved;
    cfmakeraw(&raw);
    tcsetattr(fd, TCSADRAIN, &raw);
}

void terminal_restore(void)
{
    if (raw_fd >= 0)
        tcsetattr(raw_fd, TCSADRAIN, &saved);
    raw_fd = -1;
}

int64_t terminal_set_raw(int fd, bool is_raw)
{
    static bool is_registered;
    int64_t result = 0;
    pthread_mutex_lock(&lock);
    if (!is_raw) {
        terminal_restore();
    } else if (raw_fd < 0) {
        if (tcgetattr(fd, &saved) < 0) {
            result = -errno;
        } else {
            raw_fd = fd;
            make_raw(fd);
            if (!is_registered)
                atexit(terminal_restore);
            is_registered = true;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

bool terminal_suspend(void)
{
    if (raw_fd >= 0)
        tcsetattr(raw_fd, TCSADRAIN, &saved);
    return raw_fd >= 0;
}

void terminal_resume(void)
{
    if (raw_fd >= 0)
        make_raw(raw_fd);
}
