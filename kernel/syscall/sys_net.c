/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on sockets: arguments in, kernel/net, results out. */
#include "base/log.h"
#include "net/message.h"
#include "proc/process.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"
#include "time/clock.h"

struct ref { /* a descriptor's socket while a call lasts */
    struct file *file;
    struct socket *socket;
};

static int ref_begin(int fd, struct ref *r)
{
    int err = fd_get(thread_current()->files, fd, &r->file);
    if (err)
        return err;
    r->socket = r->file->mode & FMODE_PATH ? NULL : socket_of(r->file);
    if (r->socket)
        return 0;
    err = r->file->mode & FMODE_PATH ? -EBADF : -ENOTSOCK;
    file_put(r->file);
    return err;
}

static void ref_end(struct ref *r)
{
    file_put(r->file);
}

/* Waits that a timeout bounds are not begun again. */
static int64_t interrupted(int64_t result, ns_t timeout)
{
    return result == -EINTR && timeout == 0 ? -ERESTARTSYS : result;
}

static int install(struct file *f, bool cloexec)
{
    int fd = fd_install(thread_current()->files, f, 0, cloexec, process_limit(process_current(), RLIMIT_NOFILE));
    if (fd < 0)
        file_put(f);
    return fd;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

static int type_check(int type)
{
    return type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC) ? -EINVAL : 0;
}

int64_t sys_socket(int family, int type, int protocol)
{
    struct socket *s;
    struct file *f;
    int err = type_check(type);
    if (err == 0)
        err = socket_create((unsigned)family, (unsigned)type & SOCK_TYPE_MASK, (unsigned)protocol, &s);
    if (err == 0)
        err = socket_file(s, (unsigned)type, &f);
    return err ? err : install(f, type & SOCK_CLOEXEC);
}

static int pair_create(int family, int type, int protocol, struct file *f[2])
{
    struct socket *a, *b;
    int err = socket_create((unsigned)family, (unsigned)type & SOCK_TYPE_MASK, (unsigned)protocol, &a);
    if (err)
        return err;
    err = socket_file(a, (unsigned)type, &f[0]);
    if (err)
        return err;
    err = a->ops->pair ? socket_create((unsigned)family, (unsigned)type & SOCK_TYPE_MASK, (unsigned)protocol, &b) : -EOPNOTSUPP;
    if (err == 0)
        err = socket_file(b, (unsigned)type, &f[1]);
    if (err) {
        file_put(f[0]);
        return err;
    }
    err = a->ops->pair(a, b);
    if (err) {
        file_put(f[0]);
        file_put(f[1]);
    }
    return err;
}

int64_t sys_socketpair(int family, int type, int protocol, uaddr_t fds)
{
    struct file *f[2];
    int result[2], err = type_check(type);
    if (err == 0)
        err = pair_create(family, type, protocol, f);
    if (err)
        return err;
    result[0] = install(f[0], type & SOCK_CLOEXEC);
    result[1] = install(f[1], type & SOCK_CLOEXEC);
    err = MIN(result[0], result[1]);
    if (err >= 0)
        err = copy_to_user(fds, result, sizeof(result));
    for (int i = 0; err < 0 && i < 2; i++) {
        if (result[i] >= 0 && fd_close(thread_current()->files, result[i]))
            log_debug("socketpair: another thread closed descriptor %d first", result[i]);
    }
    return err < 0 ? err : 0;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

int64_t sys_bind(int fd, uaddr_t user, unsigned size)
{
    struct sock_addr addr;
    struct ref r;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    err = sock_addr_from_user(&addr, user, size);
    if (err == 0)
        err = r.socket->ops->bind ? r.socket->ops->bind(r.socket, &addr) : -EOPNOTSUPP;
    ref_end(&r);
    return err;
}

int64_t sys_connect(int fd, uaddr_t user, unsigned size)
{
    struct sock_addr addr;
    struct ref r;
    int64_t err = ref_begin(fd, &r);
    if (err)
        return err;
    err = sock_addr_from_user(&addr, user, size);
    if (err == 0 && size < sizeof(addr.family))
        err = -EINVAL;
    if (err == 0)
        err = r.socket->ops->connect ? r.socket->ops->connect(r.socket, &addr, file_is_nonblock(r.file)) : -EOPNOTSUPP;
    err = interrupted(err, r.socket->send_timeout);
    ref_end(&r);
    return err;
}

int64_t sys_listen(int fd, int backlog)
{
    struct ref r;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    if (backlog < 0 || backlog > SOMAXCONN)
        backlog = SOMAXCONN;
    err = r.socket->ops->listen ? r.socket->ops->listen(r.socket, backlog) : -EOPNOTSUPP;
    ref_end(&r);
    return err;
}

static int64_t name_out(int fd, bool is_peer, uaddr_t user, uaddr_t user_size)
{
    struct sock_addr addr = {0};
    struct ref r;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    err = r.socket->ops->name ? r.socket->ops->name(r.socket, is_peer, &addr) : -EOPNOTSUPP;
    ref_end(&r);
    return err ? err : sock_addr_to_user(&addr, user, user_size);
}

int64_t sys_getsockname(int fd, uaddr_t addr, uaddr_t size)
{
    return name_out(fd, false, addr, size);
}

int64_t sys_getpeername(int fd, uaddr_t addr, uaddr_t size)
{
    return name_out(fd, true, addr, size);
}

/* The new socket, with a descriptor; its peer's name goes to the user first, so that a bad address loses nothing more. */
static int64_t accepted(struct socket *s, unsigned flags, uaddr_t addr, uaddr_t size)
{
    struct sock_addr name = {0};
    struct file *f;
    int err = socket_file(s, flags, &f);
    if (err)
        return err;
    if (addr) {
        err = s->ops->name(s, true, &name);
        if (err == -ENOTCONN) /* it came and went */
            err = -ECONNABORTED;
        if (err == 0)
            err = sock_addr_to_user(&name, addr, size);
    }
    if (err) {
        file_put(f);
        return err;
    }
    return install(f, flags & SOCK_CLOEXEC);
}

int64_t sys_accept4(int fd, uaddr_t addr, uaddr_t size, unsigned flags)
{
    struct socket *s;
    struct ref r;
    if (flags & ~(unsigned)(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    int64_t err = ref_begin(fd, &r);
    if (err)
        return err;
    err = r.socket->ops->accept ? r.socket->ops->accept(r.socket, file_is_nonblock(r.file), &s) : -EOPNOTSUPP;
    if (err == 0)
        err = accepted(s, flags, addr, size);
    err = interrupted(err, r.socket->receive_timeout);
    ref_end(&r);
    return err;
}

int64_t sys_accept(int fd, uaddr_t addr, uaddr_t size)
{
    return sys_accept4(fd, addr, size, 0);
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static int64_t send_one(struct ref *r, struct message *m)
{
    m->nonblock = (m->flags & MSG_DONTWAIT) || file_is_nonblock(r->file);
    int64_t n = socket_send(r->socket, m);
    if (n == -EPIPE && r->socket->type == SOCK_STREAM && !(m->flags & MSG_NOSIGNAL)) {
        int err = signal_send_thread(thread_current(), SIGPIPE, NULL);
        (void)err;
    }
    return interrupted(n, r->socket->send_timeout);
}

int64_t sys_sendto(int fd, uaddr_t buf, uint64_t count, unsigned flags, uaddr_t addr, unsigned size)
{
    struct message_buffer b;
    struct ref r;
    int64_t n = ref_begin(fd, &r);
    if (n)
        return n;
    n = message_init(&b, buf, count, flags);
    if (n == 0 && addr) {
        n = sock_addr_from_user(&b.name, addr, size);
        b.m.name = &b.name;
    }
    if (n == 0)
        n = send_one(&r, &b.m);
    ref_end(&r);
    return n;
}

static int64_t send_message(struct ref *r, uaddr_t msg, unsigned flags)
{
    struct message_buffer b;
    int64_t n = message_read_send(&b, msg, flags);
    if (n)
        return n;
    n = send_one(r, &b.m);
    message_fini(&b);
    return n;
}

/* sendmsg(2) and recvmsg(2): `one` is send_message or receive_message. */
static int64_t message_call(int fd, uaddr_t msg, unsigned flags, int64_t (*one)(struct ref *r, uaddr_t msg, unsigned flags))
{
    struct ref r;
    int64_t n = ref_begin(fd, &r);
    if (n)
        return n;
    n = one(&r, msg, flags);
    ref_end(&r);
    return n;
}

int64_t sys_sendmsg(int fd, uaddr_t msg, unsigned flags)
{
    return message_call(fd, msg, flags, send_message);
}

int64_t sys_sendmmsg(int fd, uaddr_t msgs, unsigned count, unsigned flags)
{
    struct ref r;
    unsigned done = 0;
    int64_t n = ref_begin(fd, &r);
    if (n)
        return n;
    for (count = MIN(count, 1024U); done < count; done++) {
        uaddr_t at = msgs + done * sizeof(struct linux_mmsghdr);
        n = send_message(&r, at, flags);
        if (n >= 0)
            n = put_user(at + offsetof(struct linux_mmsghdr, size), (uint32_t)n);
        if (n < 0)
            break;
    }
    ref_end(&r);
    return done ? done : n;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------ */

static int64_t receive_one(struct ref *r, struct message *m)
{
    m->nonblock = (m->flags & MSG_DONTWAIT) || file_is_nonblock(r->file);
    return interrupted(socket_receive(r->socket, m), r->socket->receive_timeout);
}

int64_t sys_recvfrom(int fd, uaddr_t buf, uint64_t count, unsigned flags, uaddr_t addr, uaddr_t size)
{
    struct message_buffer b;
    struct ref r;
    int64_t n = ref_begin(fd, &r);
    if (n)
        return n;
    n = message_init(&b, buf, count, flags);
    if (n == 0) {
        b.m.name = addr ? &b.name : NULL;
        n = receive_one(&r, &b.m);
        if (n >= 0 && addr) {
            int err = sock_addr_to_user(&b.name, addr, size);
            n = err ? err : n;
        }
        message_fini(&b);
    }
    ref_end(&r);
    return n;
}

static int64_t receive_message(struct ref *r, uaddr_t msg, unsigned flags)
{
    struct message_buffer b;
    int64_t n = message_read_receive(&b, msg, flags);
    if (n)
        return n;
    n = receive_one(r, &b.m);
    if (n >= 0) {
        int err = message_write_back(&b, msg, r->socket);
        n = err ? err : n;
    }
    message_fini(&b);
    return n;
}

int64_t sys_recvmsg(int fd, uaddr_t msg, unsigned flags)
{
    return message_call(fd, msg, flags, receive_message);
}

/* The timeout is looked at after each message only, as Linux does: recvmmsg(2), BUGS. */
static int64_t receive_many(struct ref *r, uaddr_t msgs, unsigned count, unsigned flags, ns_t deadline)
{
    unsigned done = 0;
    int64_t n = 0;
    while (done < count) {
        uaddr_t at = msgs + done * sizeof(struct linux_mmsghdr);
        bool is_later = done > 0 && (flags & MSG_WAITFORONE);
        n = receive_message(r, at, (flags & ~MSG_WAITFORONE) | (is_later ? MSG_DONTWAIT : 0));
        if (n >= 0)
            n = put_user(at + offsetof(struct linux_mmsghdr, size), (uint32_t)n);
        if (n < 0)
            break;
        done++;
        if (deadline != NS_NEVER && clock_monotonic() >= deadline)
            break;
    }
    return done ? done : n;
}

int64_t sys_recvmmsg(int fd, uaddr_t msgs, unsigned count, unsigned flags, uaddr_t timeout)
{
    struct ref r;
    ns_t deadline = NS_NEVER;
    int64_t n = timeout ? timeout_read(timeout, &deadline) : 0;
    if (n == 0)
        n = ref_begin(fd, &r);
    if (n)
        return n;
    n = receive_many(&r, msgs, MIN(count, 1024U), flags, deadline);
    ref_end(&r);
    if (timeout && deadline != NS_NEVER && n > 0) {
        int err = timespec_write(timeout, MAX(deadline - clock_monotonic(), 0L));
        n = err ? err : n;
    }
    return n;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------- */

int64_t sys_shutdown(int fd, int how)
{
    struct ref r;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    if (how < SHUT_RD || how > SHUT_RDWR)
        err = -EINVAL;
    else
        err = r.socket->ops->shutdown ? r.socket->ops->shutdown(r.socket, how) : -EOPNOTSUPP;
    ref_end(&r);
    return err;
}

int64_t sys_setsockopt(int fd, int level, int name, uaddr_t user, int size)
{
    uint8_t value[SOCKET_OPTION_SIZE] = {0};
    struct ref r;
    if (size < 0)
        return -EINVAL;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    uint32_t used = MIN((uint32_t)size, SOCKET_OPTION_SIZE);
    err = copy_from_user(value, user, used);
    if (err == 0)
        err = socket_set_option(r.socket, level, name, value, used);
    ref_end(&r);
    return err;
}

int64_t sys_getsockopt(int fd, int level, int name, uaddr_t user, uaddr_t user_size)
{
    uint8_t value[SOCKET_OPTION_SIZE];
    int32_t size;
    struct ref r;
    int err = ref_begin(fd, &r);
    if (err)
        return err;
    err = copy_from_user(&size, user_size, sizeof(size));
    if (err == 0 && size < 0)
        err = -EINVAL;
    uint32_t used = err ? 0 : MIN((uint32_t)size, SOCKET_OPTION_SIZE);
    if (err == 0)
        err = socket_get_option(r.socket, level, name, value, &used);
    if (err == 0)
        err = copy_to_user(user, value, used);
    if (err == 0)
        err = put_user(user_size, used);
    ref_end(&r);
    return err;
}
