/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#pragma once
#include <linux/msg.h>
#include "base/list.h"

#define MSG_QUEUES_MAX 32000 /* MSGMNI */
#define MSG_SIZE_MAX   8192  /* MSGMAX */
#define MSG_BYTES_MAX  16384 /* MSGMNB */

struct msg_text { /* on its way: memory of the heap */
    struct list node;
    int64_t type;
    size_t size;
    uint8_t data[];
};

nodiscard int msg_get(int32_t key, int flags);
/* Takes the message over if it returns 0. */
nodiscard int msg_send(int id, struct msg_text *text, int flags);
/* *text: the caller's, to heap_free; not longer than size unless MSG_NOERROR (the caller cuts it). */
nodiscard int msg_receive(int id, uint64_t size, int64_t type, int flags, struct msg_text **text);
nodiscard int msg_stat(int id, bool by_index, bool any, struct msqid64_ds *ds);
nodiscard int msg_set(int id, const struct ipc64_perm *perm, uint64_t bytes_max);
nodiscard int msg_remove(int id);
/* The highest slot in use. */
int msg_info(int *queues, int *messages, int *bytes);
bool msg_next(int *index, struct msqid64_ds *ds, int *id);
