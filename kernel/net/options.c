/* SPDX-License-Identifier: Apache-2.0 */
/* Options of SOL_SOCKET. Those of other levels are their family's. */
#include <linux/capability.h>
#include "base/string.h"
#include "net/caller.h"
#include "net/socket.h"

int option_get_int(const void *value, uint32_t size, int *number)
{
    if (size < sizeof(int))
        return -EINVAL;
    memcpy(number, value, sizeof(int));
    return 0;
}

int option_put(void *value, uint32_t *size, const void *data, uint32_t data_size)
{
    *size = MIN(*size, data_size);
    memcpy(value, data, *size);
    return 0;
}

int option_put_int(void *value, uint32_t *size, int number)
{
    return option_put(value, size, &number, sizeof(number));
}

/* Options that are a bool of struct socket. */
static const struct {
    int name;
    size_t off;
} flags[] = {
    {SO_REUSEADDR, offsetof(struct socket, reuse_addr)},
    {SO_REUSEPORT, offsetof(struct socket, reuse_port)},
    {SO_KEEPALIVE, offsetof(struct socket, keep_alive)},
    {SO_BROADCAST, offsetof(struct socket, broadcast)},
    {SO_PASSCRED, offsetof(struct socket, pass_cred)},
    {SO_OOBINLINE, offsetof(struct socket, oob_inline)},
    {SO_DONTROUTE, offsetof(struct socket, dont_route)},
};

static bool *flag_of(struct socket *s, int name)
{
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        if (flags[i].name == name)
            return (bool *)((char *)s + flags[i].off);
    }
    return NULL;
}

/* ---- setting ---------------------------------------------------------------------------------------------------- */

static int set_timeout(ns_t *timeout, const void *value, uint32_t size)
{
    int64_t tv[2];
    if (size < sizeof(tv))
        return -EINVAL;
    memcpy(tv, value, sizeof(tv));
    if (tv[1] < 0 || tv[1] >= 1000000)
        return -EDOM;
    if (tv[0] < 0 || tv[0] > NS_NEVER / NS_PER_S / 2)
        *timeout = tv[0] < 0 ? 1 : 0; /* negative: do not wait at all; too far away: for ever */
    else
        *timeout = tv[0] * NS_PER_S + tv[1] * NS_PER_US;
    return 0;
}

static int set_linger(struct socket *s, const void *value, uint32_t size)
{
    struct linux_linger linger;
    if (size < sizeof(linger))
        return -EINVAL;
    memcpy(&linger, value, sizeof(linger));
    s->linger_on = linger.is_on != 0;
    s->linger_seconds = linger.seconds;
    return 0;
}

/* As Linux: twice what was asked, within limits. */
static uint32_t buffer_size(int asked)
{
    uint32_t size = asked < 0 || (uint32_t)asked > SOCKET_BUFFER_MAX / 2 ? SOCKET_BUFFER_MAX : (uint32_t)asked * 2;
    return MAX(size, SOCKET_BUFFER_MIN);
}

static int set_priority(struct socket *s, int number)
{
    if ((number < 0 || number > 6) && !caller_is_capable(CAP_NET_ADMIN))
        return -EPERM;
    s->priority = number;
    return 0;
}

static int set_number(struct socket *s, int name, int number)
{
    bool *flag = flag_of(s, name);
    if (flag) {
        __atomic_store_n(flag, number != 0, __ATOMIC_RELAXED);
        return 0;
    }
    switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        s->send_size = buffer_size(number);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        s->receive_size = buffer_size(number);
        return 0;
    case SO_RCVLOWAT:
        return number > 1 ? -EOPNOTSUPP : 0; /* readiness always means one byte */
    case SO_PRIORITY:
        return set_priority(s, number);
    case SO_MARK:
        return caller_is_capable(CAP_NET_ADMIN) ? 0 : -EPERM; /* nothing routes by it */
    case SO_NO_CHECK:
    case SO_DEBUG:
        return 0;
    case SO_TYPE:
    case SO_ERROR:
    case SO_DOMAIN:
    case SO_PROTOCOL:
    case SO_ACCEPTCONN:
    case SO_PEERCRED:
    default:
        return -ENOPROTOOPT;
    }
}

static int set_base(struct socket *s, int name, const void *value, uint32_t size)
{
    int number;
    switch (name) {
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&s->receive_timeout, value, size);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&s->send_timeout, value, size);
    case SO_LINGER:
        return set_linger(s, value, size);
    default:
        break;
    }
    int err = option_get_int(value, size, &number);
    return err ? err : set_number(s, name, number);
}

int socket_set_option(struct socket *s, int level, int name, const void *value, uint32_t size)
{
    int err;
    if (level == SOL_SOCKET)
        err = set_base(s, name, value, size);
    else
        err = s->ops->set_option ? s->ops->set_option(s, level, name, value, size) : -EOPNOTSUPP;
    if (err == 0 && s->ops->option_changed)
        s->ops->option_changed(s, level, name);
    return err;
}

/* ---- getting ------------------------------------------------------------------------------------------------------ */

static int get_timeout(ns_t timeout, void *value, uint32_t *size)
{
    int64_t tv[2] = {timeout / NS_PER_S, timeout % NS_PER_S / NS_PER_US};
    if (*size < sizeof(tv))
        return -EINVAL;
    return option_put(value, size, tv, sizeof(tv));
}

static int get_linger(struct socket *s, void *value, uint32_t *size)
{
    struct linux_linger linger = {s->linger_on, s->linger_seconds};
    return option_put(value, size, &linger, sizeof(linger));
}

static int get_peer_cred(struct socket *s, void *value, uint32_t *size)
{
    const struct linux_ucred nobody = {0, UINT32_MAX, UINT32_MAX};
    return option_put(value, size, s->peer_cred.pid ? &s->peer_cred : &nobody, sizeof(nobody));
}

static int get_number(struct socket *s, int name, void *value, uint32_t *size)
{
    bool *flag = flag_of(s, name);
    if (flag)
        return option_put_int(value, size, *flag);
    switch (name) {
    case SO_TYPE:
        return option_put_int(value, size, s->type);
    case SO_DOMAIN:
        return option_put_int(value, size, s->family);
    case SO_PROTOCOL:
        return option_put_int(value, size, s->protocol);
    case SO_SNDBUF:
        return option_put_int(value, size, (int)s->send_size);
    case SO_RCVBUF:
        return option_put_int(value, size, (int)s->receive_size);
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
        return option_put_int(value, size, 1);
    case SO_PRIORITY:
        return option_put_int(value, size, s->priority);
    case SO_MARK:
    case SO_NO_CHECK:
    case SO_DEBUG:
        return option_put_int(value, size, 0);
    default:
        return -ENOPROTOOPT;
    }
}

static int get_base(struct socket *s, int name, void *value, uint32_t *size)
{
    switch (name) {
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return get_timeout(s->receive_timeout, value, size);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return get_timeout(s->send_timeout, value, size);
    case SO_LINGER:
        return get_linger(s, value, size);
    case SO_PEERCRED:
        return get_peer_cred(s, value, size);
    case SO_COOKIE:
        return *size < sizeof(s->cookie) ? -EINVAL : option_put(value, size, &s->cookie, sizeof(s->cookie));
    default:
        return get_number(s, name, value, size);
    }
}

/* SO_ERROR and SO_ACCEPTCONN are asked of the family first: a connection through the host may have just failed. */
int socket_get_option(struct socket *s, int level, int name, void *value, uint32_t *size)
{
    int err = s->ops->get_option ? s->ops->get_option(s, level, name, value, size) : -ENOPROTOOPT;
    if (err != -ENOPROTOOPT || level != SOL_SOCKET)
        return err;
    if (name == SO_ERROR)
        return option_put_int(value, size, -socket_take_error(s));
    if (name == SO_ACCEPTCONN)
        return option_put_int(value, size, 0);
    return get_base(s, name, value, size);
}
