/* SPDX-License-Identifier: Apache-2.0 */
/* sigaltstack(2): handlers run on it, also when the stack has overflowed. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char stack[128 * 1024];
static volatile int was_on;
static sigjmp_buf jump;

static void on_signal(int signo)
{
    char here;
    stack_t now;
    (void)signo;
    was_on = &here >= stack && &here < stack + sizeof(stack);
    CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_ONSTACK);
    CHECK(sigaltstack(&now, NULL) == -1 && errno == EPERM);
}

static void on_overflow(int signo)
{
    char here;
    (void)signo;
    was_on = &here >= stack && &here < stack + sizeof(stack);
    siglongjmp(jump, 1);
}

static int recurse(volatile int depth)
{
    volatile char block[4096];
    block[0] = (char)depth;
    return depth < 0 ? 0 : recurse(depth + 1) + block[0];
}

static void install(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    CHECK(sigaction(signo, &action, NULL) == 0);
}

int main(void)
{
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
    CHECK(sigaltstack(&alt, NULL) == 0);
    install(SIGUSR1, on_signal);
    raise(SIGUSR1);
    CHECK(was_on == 1);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stack && old.ss_size == sizeof(stack) &&
          old.ss_flags == 0);
    was_on = 0;
    install(SIGSEGV, on_overflow);
    if (!sigsetjmp(jump, 1))
        recurse(0);
    CHECK(was_on == 1);
    alt.ss_size = 100;
    CHECK_ERRNO(sigaltstack(&alt, NULL), ENOMEM);
    alt.ss_flags = 77;
    CHECK_ERRNO(sigaltstack(&alt, NULL), EINVAL);
    alt.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&alt, NULL) == 0);
    return 0;
}
