/* SPDX-License-Identifier: Apache-2.0 */
#include "net/message.h"
#include <linux/uio.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/caller.h"

#define TRANSFER_MAX 0x7ffff000UL /* MAX_RW_COUNT */
#define CMSG_ALIGN(size) align_up((size), 8)
#define CMSG_HEAD        sizeof(struct linux_cmsghdr)

/* ---- addresses -------------------------------------------------------------------------------------------- */

int sock_addr_from_user(struct sock_addr *addr, uaddr_t user, uint32_t size)
{
    if (size > sizeof(addr->bytes))
        return -EINVAL;
    memset(addr->bytes, 0, sizeof(addr->bytes));
    addr->size = size;
    return copy_from_user(addr->bytes, user, size);
}

int sock_addr_to_user(const struct sock_addr *addr, uaddr_t user, uaddr_t user_size)
{
    int32_t room;
    int err = copy_from_user(&room, user_size, sizeof(room));
    if (err)
        return err;
    if (room < 0)
        return -EINVAL;
    err = copy_to_user(user, addr->bytes, MIN((uint32_t)room, addr->size));
    return err ? err : put_user(user_size, addr->size);
}

/* ---- the vector ---------------------------------------------------------------------------------------------- */

static int iov_check(struct iov *iov, uint64_t count)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        if ((int64_t)iov[i].size < 0)
            return -EINVAL;
        if (iov[i].size && !user_range_ok(iov[i].base, iov[i].size))
            return -EFAULT;
        iov[i].size = MIN(iov[i].size, TRANSFER_MAX - total);
        total += iov[i].size;
    }
    return 0;
}

static int iov_read(struct message_buffer *b)
{
    uint64_t count = b->hdr.iov_count;
    if (count > UIO_MAXIOV)
        return -EMSGSIZE;
    b->iov = count <= MESSAGE_IOV_FAST ? b->fast : heap_alloc(count * sizeof(struct iov));
    if (!b->iov)
        return -ENOMEM;
    int err = copy_from_user(b->iov, b->hdr.iov, count * sizeof(struct iov));
    if (err == 0)
        err = iov_check(b->iov, count);
    if (err)
        message_fini(b);
    else
        iov_iter_vec(&b->it, b->iov, count);
    return err;
}

/* Fields one by one: a whole message_buffer is too much to clear for each call. */
static void message_clear(struct message_buffer *b, unsigned flags)
{
    b->m.it = &b->it;
    b->m.name = NULL;
    b->m.flags = flags;
    b->m.out_flags = 0;
    b->m.nonblock = flags & MSG_DONTWAIT;
    b->m.scm = (struct scm){0};
    b->m.local.size = 0;
    b->name.size = 0;
    b->iov = b->fast;
}

int message_init(struct message_buffer *b, uaddr_t buf, uint64_t size, unsigned flags)
{
    message_clear(b, flags);
    size = MIN(size, TRANSFER_MAX);
    if (size && !user_range_ok(buf, size))
        return -EFAULT;
    iov_iter_user(&b->it, buf, size);
    return 0;
}

void message_fini(struct message_buffer *b)
{
    if (b->iov != b->fast)
        heap_free(b->iov);
    b->iov = b->fast;
    scm_drop(&b->m.scm);
}

static int hdr_read(struct message_buffer *b, uaddr_t user, unsigned flags)
{
    message_clear(b, flags);
    int err = copy_from_user(&b->hdr, user, sizeof(b->hdr));
    if (err)
        return err;
    if ((int32_t)b->hdr.name_size < 0)
        return -EINVAL;
    if (!b->hdr.name)
        b->hdr.name_size = 0;
    b->hdr.name_size = MIN(b->hdr.name_size, (uint32_t)sizeof(b->name.bytes));
    return iov_read(b);
}

/* ---- control data to send ---------------------------------------------------------------------------------------- */

/* Several headers of one message add up. */
static int control_rights(struct scm *scm, const uint8_t *data, uint64_t size)
{
    int fds[SCM_FD_MAX];
    uint64_t count = size / sizeof(int);
    if (count > SCM_FD_MAX)
        return -EINVAL;
    memcpy(fds, data, count * sizeof(int));
    return count ? scm_files_add(&scm->rights, fds, (unsigned)count) : 0;
}

static int control_cred(struct scm *scm, const uint8_t *data, uint64_t size)
{
    if (size != sizeof(scm->cred))
        return -EINVAL;
    memcpy(&scm->cred, data, sizeof(scm->cred));
    scm->has_cred = true;
    return caller_may_claim(&scm->cred) ? 0 : -EPERM;
}

static int control_one(struct scm *scm, const struct linux_cmsghdr *c, const uint8_t *data)
{
    uint64_t size = c->size - CMSG_HEAD;
    if (c->level != SOL_SOCKET)
        return 0; /* of IP: how to send, which changes nothing here */
    if (c->type == SCM_RIGHTS)
        return control_rights(scm, data, size);
    return c->type == SCM_CREDENTIALS ? control_cred(scm, data, size) : -EINVAL;
}

static int control_parse(struct scm *scm, const uint8_t *buf, uint64_t size)
{
    uint64_t at = 0;
    int err = 0;
    while (err == 0 && at + CMSG_HEAD <= size) {
        struct linux_cmsghdr c;
        memcpy(&c, buf + at, sizeof(c));
        if (c.size < CMSG_HEAD || c.size > size - at)
            return -EINVAL;
        err = control_one(scm, &c, buf + at + CMSG_HEAD);
        at += CMSG_ALIGN(c.size);
    }
    return err;
}

static int control_read(struct message_buffer *b)
{
    uint64_t size = b->hdr.control_size;
    if (!b->hdr.control || size == 0)
        return 0;
    if (size > MESSAGE_CONTROL_MAX)
        return -ENOBUFS;
    uint8_t *buf = heap_alloc(size);
    if (!buf)
        return -ENOMEM;
    int err = copy_from_user(buf, b->hdr.control, size);
    if (err == 0)
        err = control_parse(&b->m.scm, buf, size);
    heap_free(buf);
    return err;
}

int message_read_send(struct message_buffer *b, uaddr_t msghdr, unsigned flags)
{
    int err = hdr_read(b, msghdr, flags);
    if (err)
        return err;
    if (b->hdr.name_size > 0) {
        err = sock_addr_from_user(&b->name, b->hdr.name, b->hdr.name_size);
        b->m.name = &b->name;
    }
    if (err == 0)
        err = control_read(b);
    if (err)
        message_fini(b);
    return err;
}

int message_read_receive(struct message_buffer *b, uaddr_t msghdr, unsigned flags)
{
    int err = hdr_read(b, msghdr, flags);
    if (err == 0 && b->hdr.name)
        b->m.name = &b->name;
    return err;
}

/* ---- control data received ------------------------------------------------------------------------------------------ */

struct control_out {
    uaddr_t at;
    uint64_t left;
    unsigned flags;
};

/* The header, and the part of size bytes of data that fits: its bytes. 0: nothing fits. */
static int64_t control_head(struct control_out *out, int level, int type, uint64_t size)
{
    if (out->left < CMSG_HEAD) {
        out->flags |= MSG_CTRUNC;
        return 0;
    }
    if (size > out->left - CMSG_HEAD) {
        size = out->left - CMSG_HEAD;
        out->flags |= MSG_CTRUNC;
    }
    struct linux_cmsghdr c = {CMSG_HEAD + size, level, type};
    int err = put_user(out->at, c);
    return err ? err : (int64_t)size;
}

static void control_advance(struct control_out *out, uint64_t size)
{
    uint64_t step = MIN(CMSG_ALIGN(CMSG_HEAD + size), out->left);
    out->at += step;
    out->left -= step;
}

static int control_put(struct control_out *out, int level, int type, const void *data, uint64_t size)
{
    bool is_any = out->left >= CMSG_HEAD;
    int64_t fits = control_head(out, level, type, size);
    if (fits < 0 || !is_any)
        return (int)fits;
    int err = copy_to_user(out->at + CMSG_HEAD, data, (size_t)fits);
    control_advance(out, (uint64_t)fits);
    return err;
}

/* Installs what fits; a table that is full cuts the list, as a short buffer does. The rest is let go. */
static int control_put_rights(struct control_out *out, struct scm_files *rights, bool cloexec)
{
    uint64_t room = out->left > CMSG_HEAD ? (out->left - CMSG_HEAD) / sizeof(int) : 0;
    unsigned want = rights->count, done = 0;
    int err = 0;
    while (done < want && done < room && err == 0) {
        int fd = caller_install(rights->files[done], cloexec);
        if (fd < 0)
            break;
        rights->files[done] = NULL;
        err = put_user(out->at + CMSG_HEAD + done * sizeof(int), fd);
        done++;
    }
    if (done < want)
        out->flags |= MSG_CTRUNC;
    if (done > 0 && err == 0) {
        struct linux_cmsghdr c = {CMSG_HEAD + done * sizeof(int), SOL_SOCKET, SCM_RIGHTS};
        err = put_user(out->at, c);
        control_advance(out, done * sizeof(int));
    }
    return err;
}

static int control_put_local(struct control_out *out, const struct sock_addr *local)
{
    if (local->family == AF_INET) {
        uint32_t addr = local->in.sin_addr.s_addr;
        struct linux_in_pktinfo info = {(addr & 0xff) == 127 ? 1 : 2, addr, addr};
        return control_put(out, SOL_IP, IP_PKTINFO, &info, sizeof(info));
    }
    struct linux_in6_pktinfo info6 = {.ifindex = 1};
    memcpy(info6.addr, &local->in6.sin6_addr, 16);
    return control_put(out, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
}

static int control_write(struct message_buffer *b, struct socket *s, struct control_out *out)
{
    const struct linux_ucred nobody = {0, 65534, 65534};
    int err = 0;
    if (s->pass_cred && s->family == AF_UNIX)
        err = control_put(out, SOL_SOCKET, SCM_CREDENTIALS, b->m.scm.has_cred ? &b->m.scm.cred : &nobody, sizeof(nobody));
    if (err == 0 && b->m.scm.rights)
        err = control_put_rights(out, b->m.scm.rights, b->m.flags & MSG_CMSG_CLOEXEC);
    if (err == 0 && b->m.local.size > 0)
        err = control_put_local(out, &b->m.local);
    return err;
}

static int name_write(struct message_buffer *b, uaddr_t msghdr)
{
    if (!b->hdr.name)
        return 0;
    int err = copy_to_user(b->hdr.name, b->name.bytes, MIN(b->hdr.name_size, b->name.size));
    return err ? err : put_user(msghdr + offsetof(struct linux_msghdr, name_size), b->name.size);
}

int message_write_back(struct message_buffer *b, uaddr_t msghdr, struct socket *s)
{
    struct control_out out = {b->hdr.control, b->hdr.control ? b->hdr.control_size : 0, 0};
    uint64_t before = out.left;
    int err = name_write(b, msghdr);
    if (err == 0)
        err = control_write(b, s, &out);
    if (err == 0)
        err = put_user(msghdr + offsetof(struct linux_msghdr, flags), b->m.out_flags | out.flags);
    uint64_t used = before - out.left;
    return err ? err : put_user(msghdr + offsetof(struct linux_msghdr, control_size), used);
}
