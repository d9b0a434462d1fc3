/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as programs describe them: struct msghdr, its vector, its address and its control data, copied once. */
#pragma once
#include "net/socket.h"

#define MESSAGE_IOV_FAST    8
#define MESSAGE_CONTROL_MAX 20480U /* net.core.optmem_max */

struct message_buffer { /* what a struct message points to while a call lasts */
    struct message m;
    struct iov_iter it;
    struct sock_addr name;
    struct linux_msghdr hdr; /* as it was given */
    struct iov fast[MESSAGE_IOV_FAST];
    struct iov *iov; /* fast, or the heap's */
};

nodiscard int sock_addr_from_user(struct sock_addr *addr, uaddr_t user, uint32_t size);
/* As accept, getsockname ... write one: cut to what *user_size says, which then gets the true size. */
nodiscard int sock_addr_to_user(const struct sock_addr *addr, uaddr_t user, uaddr_t user_size);

/* One buffer and perhaps an address. */
nodiscard int message_init(struct message_buffer *b, uaddr_t buf, uint64_t size, unsigned flags);
/* A struct msghdr in user memory: to send, or to receive into. message_fini after success. */
nodiscard int message_read_send(struct message_buffer *b, uaddr_t msghdr, unsigned flags);
nodiscard int message_read_receive(struct message_buffer *b, uaddr_t msghdr, unsigned flags);
/* After a receive: name, control data and flags back to the user. Installs descriptors. */
nodiscard int message_write_back(struct message_buffer *b, uaddr_t msghdr, struct socket *s);
void message_fini(struct message_buffer *b);
