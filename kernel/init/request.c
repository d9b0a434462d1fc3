/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the host to the running enclave: one task fetches them, one after the other, and never waits for what it
 * began. A request asks; the measured configuration decides.
 *
 * Lock: requests.lock guards the list of programs and is_announced. A host descriptor that comes with a request is the
 * enclave's from then on, also if the request is refused.
 */
#include "init/request.h"
#include "base/list.h"
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "init/init.h"
#include "tty/tty.h"

struct program {
    struct list node;
    uint32_t id;
    struct process *process; /* referenced; NULL: being made */
    struct tty *console;     /* referenced; NULL: none */
};

static struct {
    struct spinlock lock;
    struct list programs;
    struct waitq waitq;
    bool is_announced;
} requests = {.programs = LIST_INIT(requests.programs), .waitq = {LIST_INIT(requests.waitq.waiters)}};

void request_reply(uint32_t id, enum reply_kind kind, int64_t value, const char *text)
{
    int64_t err = hostcall_request_reply(id, kind, value, text, text ? MIN(strlen(text), (size_t)REPLY_TEXT_MAX) : 0);
    (void)err; /* nobody is left to be told */
}

/* ---- programs ------------------------------------------------------------------------------------------------- */

/* Under the lock. */
static struct program *program_find(uint32_t id)
{
    struct program *p;
    list_for_each (p, &requests.programs, node)
        if (p->id == id)
            return p;
    return NULL;
}

static struct program *program_add(uint32_t id)
{
    struct program *p = heap_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    p->id = id;
    spin_lock(&requests.lock);
    bool is_taken = program_find(id) != NULL;
    if (!is_taken)
        list_push_back(&requests.programs, &p->node);
    spin_unlock(&requests.lock);
    if (!is_taken)
        return p;
    heap_free(p);
    return NULL;
}

static void program_remove(struct program *p)
{
    spin_lock(&requests.lock);
    list_remove(&p->node);
    spin_unlock(&requests.lock);
    if (p->console)
        console_close(p->console);
    if (p->process)
        process_put(p->process);
    heap_free(p);
}

static void fds_close(const struct request *r)
{
    for (int i = 0; i < 3; i++) {
        int64_t err = r->fds[i] >= 0 ? hostcall_close(r->fds[i]) : 0;
        (void)err; /* then the host did not mean to give it */
    }
}

/* Who is root may become anybody, by the configuration; others stay who they are. */
static bool user_set(struct process_start *start, const struct request *r)
{
    uint32_t uid = r->uid == REQUEST_UID_DEFAULT ? start->uid : r->uid;
    uint32_t gid = r->gid == REQUEST_UID_DEFAULT ? start->gid : r->gid;
    bool is_same = uid == start->uid && gid == start->gid;
    if (!is_same && config_get()->uid != 0)
        return false;
    start->uid = uid;
    start->gid = gid;
    return true;
}

/* NULL, or why not. The start is used up, or still the caller's. */
static const char *program_start(const struct request *r, struct process_start *start)
{
    const bool is_tty[3] = {r->is_tty, r->is_tty, r->is_tty};
    const int fds[3] = {r->fds[0], r->fds[1], r->fds[2]};
    struct program *p = program_add(r->id);
    if (!p) {
        fds_close(r);
        return "the request's number is taken, or there is no memory";
    }
    stdio_open(start, fds, is_tty, &p->console);
    root_get(&start->root);
    if (process_spawn(start, &p->process) == 0)
        return NULL;
    program_remove(p);
    return "no memory for another process";
}

static void run(const struct request *r, const void *block)
{
    struct start_block *b = heap_alloc(r->size + 1UL);
    struct process_start *start = NULL;
    const char *why;
    if (!b) {
        request_reply(r->id, REPLY_REFUSED, 0, "no memory to start a program");
    } else {
        memcpy(b, block, r->size);
        start = start_create(b, r->size, r->id);
    }
    if (!start) {
        fds_close(r);
        return;
    }
    if (user_set(start, r)) {
        why = program_start(r, start);
    } else {
        fds_close(r);
        why = "only root may run programs as somebody else; 'user' in naos.json is not root";
    }
    if (!why)
        return;
    process_start_free(start);
    request_reply(r->id, REPLY_REFUSED, 0, why);
}

void request_program_loaded(uint32_t id, int32_t pid, int err)
{
    request_reply(id, err ? REPLY_FAILED : REPLY_STARTED, err ? -err : pid, NULL);
}

void request_program_exited(uint32_t id, int wait_status)
{
    spin_lock(&requests.lock);
    struct program *p = program_find(id);
    spin_unlock(&requests.lock);
    if (p)
        program_remove(p);
    request_reply(id, REPLY_EXITED, wait_status, NULL);
}

/* ---- what is asked of programs ----------------------------------------------------------------------------------- */

static struct process *process_of(uint32_t id)
{
    if (id == 0)
        return process_find(1);
    spin_lock(&requests.lock);
    struct program *p = program_find(id);
    struct process *process = p ? p->process : NULL;
    if (process)
        process_get(process);
    spin_unlock(&requests.lock);
    return process;
}

/* Referenced; NULL: it has none. */
static struct tty *console_of(uint32_t id)
{
    if (id == 0)
        return console_tty();
    spin_lock(&requests.lock);
    struct program *p = program_find(id);
    struct tty *t = p ? p->console : NULL;
    if (t)
        tty_get(t);
    spin_unlock(&requests.lock);
    return t;
}

static void signal_program(uint32_t id, int signo)
{
    const siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    struct process *p = process_of(id);
    if (!p)
        return; /* it has just ended */
    if (signo < 1 || signo > SIGNAL_COUNT || host_signal_is_fault(signo) || signal_send_process(p, signo, &info))
        log_info("signal %d could not be sent", signo);
    process_put(p);
}

static void hang_up(uint32_t id)
{
    struct tty *t = id ? console_of(id) : NULL;
    if (t) {
        tty_hangup(t);
        tty_put(t);
        return;
    }
    signal_program(id, SIGHUP);
    signal_program(id, SIGCONT);
}

static void window_changed(uint32_t id)
{
    struct tty *t = console_of(id);
    if (!t)
        return;
    console_winch(t);
    tty_put(t);
}

/* ---- serving ---------------------------------------------------------------------------------------------------- */

static void serve(const struct request *r, const void *more)
{
    switch (r->kind) {
    case REQUEST_RUN: run(r, more); break;
    case REQUEST_SIGNAL: signal_program(r->id, r->value); break;
    case REQUEST_HANGUP: hang_up(r->id); break;
    case REQUEST_WINDOW: window_changed(r->id); break;
    case REQUEST_PROCESSES: report_processes(r->id); break;
    case REQUEST_STATS: report_stats(r->id); break;
    case REQUEST_MAPS: report_maps(r->id); break;
    default: request_reply(r->id, REPLY_REFUSED, 0, "this kernel does not know such a request"); break;
    }
}

/* False: there is none. */
static bool serve_next(uint8_t *buf)
{
    struct request r;
    int64_t size = hostcall_request_take(buf, REQUEST_SIZE_MAX);
    if (size < (int64_t)sizeof(r))
        return false;
    memcpy(&r, buf, sizeof(r));
    if (r.size == (uint64_t)size - sizeof(r) && (r.kind != REQUEST_RUN || r.id != 0))
        serve(&r, buf + sizeof(r));
    else
        log_warn("a request of the host has a wrong size or number");
    return true;
}

void request_announce(void)
{
    spin_lock(&requests.lock);
    requests.is_announced = true;
    waitq_wake_all(&requests.waitq, 0);
    spin_unlock(&requests.lock);
}

static void announcement_wait(void)
{
    spin_lock(&requests.lock);
    while (!requests.is_announced) {
        int err = waitq_sleep_uninterruptible(&requests.waitq, &requests.lock, NS_NEVER);
        CHECK(err == 0);
    }
    requests.is_announced = false;
    spin_unlock(&requests.lock);
}

void request_serve(void *arg)
{
    (void)arg;
    uint8_t *buf = NULL;
    for (;;) {
        announcement_wait();
        if (!buf)
            buf = heap_alloc(REQUEST_SIZE_MAX);
        while (buf && serve_next(buf))
            continue;
    }
}
