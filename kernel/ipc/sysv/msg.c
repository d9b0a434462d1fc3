/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/sysv/msg.h"
#include <linux/capability.h>
#include "base/string.h"
#include "heap/heap.h"
#include "ipc/sysv/table.h"
#include "proc/process.h"
#include "sync/waitq.h"

#define READ  4U
#define WRITE 2U

struct msg_queue {
    struct sysv_object object;
    /* Under object.lock: */
    struct list texts;
    struct waitq senders, receivers;
    uint64_t count, bytes, bytes_max;
    int64_t sent_at, received_at, changed_at;
    int32_t sender_pid, receiver_pid;
};

static struct msg_queue *queue_of(struct sysv_object *o)
{
    return container_of(o, struct msg_queue, object);
}

static void queue_destroy(struct sysv_object *o)
{
    struct msg_queue *q = queue_of(o);
    struct msg_text *text, *after;
    list_for_each_safe (text, after, &q->texts, node)
        heap_free(text);
    heap_free(q);
}

static struct sysv_table queues = {.limit = MSG_QUEUES_MAX, .highest = -1, .last_slot = -1, .destroy = queue_destroy};

static nodiscard int queue_find(int id, unsigned want, struct msg_queue **q)
{
    struct sysv_object *o;
    int err = sysv_find(&queues, id, want, &o);
    if (err == 0)
        *q = queue_of(o);
    return err;
}

static void queue_put(struct msg_queue *q)
{
    sysv_put(&queues, &q->object);
}

/* ---- msgget ---------------------------------------------------------------------------------------------------------------- */

static struct sysv_object *queue_create(void *arg)
{
    struct msg_queue *q = heap_zalloc(sizeof(*q));
    (void)arg;
    if (!q)
        return err_ptr(-ENOMEM);
    list_init(&q->texts);
    waitq_init(&q->senders);
    waitq_init(&q->receivers);
    q->bytes_max = MSG_BYTES_MAX;
    q->changed_at = sysv_now();
    return &q->object;
}

static int queue_check(struct sysv_object *o, void *arg)
{
    (void)o, (void)arg;
    return 0;
}

int msg_get(int32_t key, int flags)
{
    static const struct sysv_maker maker = {queue_create, queue_check, NULL};
    return sysv_get(&queues, key, flags, &maker);
}

/* ---- msgsnd ------------------------------------------------------------------------------------------------------------------- */

static bool has_room(const struct msg_queue *q, uint64_t size)
{
    return q->bytes + size <= q->bytes_max && q->count + 1 <= q->bytes_max;
}

static int send_wait(struct msg_queue *q, uint64_t size, int flags)
{
    int err = 0;
    while (err == 0 && !q->object.is_removed && !has_room(q, size))
        err = flags & IPC_NOWAIT ? -EAGAIN : waitq_sleep(&q->senders, &q->object.lock, NS_NEVER);
    return q->object.is_removed ? -EIDRM : err;
}

int msg_send(int id, struct msg_text *text, int flags)
{
    struct msg_queue *q;
    int err = queue_find(id, WRITE, &q);
    if (err)
        return err;
    spin_lock(&q->object.lock);
    err = send_wait(q, text->size, flags);
    if (err == 0) {
        list_push_back(&q->texts, &text->node);
        q->count++;
        q->bytes += text->size;
        q->sent_at = sysv_now();
        q->sender_pid = process_current()->pid;
        waitq_wake_all(&q->receivers, 0);
    }
    spin_unlock(&q->object.lock);
    queue_put(q);
    return err;
}

/* ---- msgrcv ------------------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct msg_text *text, int64_t type, int flags)
{
    if (type == 0)
        return true;
    if (type < 0)
        return text->type <= (type == INT64_MIN ? INT64_MAX : -type);
    return flags & MSG_EXCEPT ? text->type != type : text->type == type;
}

/* The first that is wanted; of those below a bound the one of the lowest type. MSG_COPY: the one at that place. */
static struct msg_text *text_find(struct msg_queue *q, int64_t type, int flags)
{
    struct msg_text *text, *best = NULL;
    int64_t at = 0;
    list_for_each (text, &q->texts, node) {
        if (flags & MSG_COPY) {
            if (at++ == type)
                return text;
            continue;
        }
        if (!is_wanted(text, type, flags) || (best && text->type >= best->type))
            continue;
        best = text;
        if (type >= 0)
            break;
    }
    return best;
}

static int receive_wait(struct msg_queue *q, int64_t type, int flags, struct msg_text **text)
{
    int err = 0;
    for (;;) {
        if (q->object.is_removed)
            return -EIDRM;
        *text = text_find(q, type, flags);
        if (*text)
            return 0;
        if (err || flags & IPC_NOWAIT)
            return err ? err : -ENOMSG;
        err = waitq_sleep(&q->receivers, &q->object.lock, NS_NEVER);
    }
}

static void text_take(struct msg_queue *q, struct msg_text *text)
{
    list_remove(&text->node);
    q->count--;
    q->bytes -= text->size;
    q->received_at = sysv_now();
    q->receiver_pid = process_current()->pid;
    waitq_wake_all(&q->senders, 0);
}

static struct msg_text *text_copy(const struct msg_text *text)
{
    struct msg_text *copy = heap_alloc(sizeof(*copy) + text->size);
    if (copy)
        memcpy(copy, text, sizeof(*copy) + text->size);
    return copy;
}

int msg_receive(int id, uint64_t size, int64_t type, int flags, struct msg_text **result)
{
    struct msg_queue *q;
    struct msg_text *text = NULL;
    int err = queue_find(id, READ, &q);
    if (err)
        return err;
    spin_lock(&q->object.lock);
    err = receive_wait(q, type, flags, &text);
    if (err == 0 && text->size > size && !(flags & MSG_NOERROR)) {
        err = -E2BIG;
    } else if (err == 0 && (flags & MSG_COPY)) {
        text = text_copy(text);
        err = text ? 0 : -ENOMEM;
    } else if (err == 0) {
        text_take(q, text);
    }
    spin_unlock(&q->object.lock);
    queue_put(q);
    *result = text;
    return err;
}

/* ---- msgctl ------------------------------------------------------------------------------------------------------------------- */

static void queue_stat(struct msg_queue *q, struct msqid64_ds *ds)
{
    *ds = (struct msqid64_ds){0};
    sysv_read_perm(&queues, &q->object, &ds->msg_perm);
    spin_lock(&q->object.lock);
    ds->msg_stime = q->sent_at;
    ds->msg_rtime = q->received_at;
    ds->msg_ctime = q->changed_at;
    ds->msg_cbytes = q->bytes;
    ds->msg_qnum = q->count;
    ds->msg_qbytes = q->bytes_max;
    ds->msg_lspid = q->sender_pid;
    ds->msg_lrpid = q->receiver_pid;
    spin_unlock(&q->object.lock);
}

int msg_stat(int id, bool by_index, bool any, struct msqid64_ds *ds)
{
    struct sysv_object *o;
    unsigned want = any ? 0 : READ;
    int err = by_index ? sysv_find_index(&queues, id, want, &o) : sysv_find(&queues, id, want, &o);
    if (err)
        return err;
    queue_stat(queue_of(o), ds);
    int result = by_index ? o->id : 0;
    sysv_put(&queues, o);
    return result;
}

int msg_set(int id, const struct ipc64_perm *perm, uint64_t bytes_max)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&queues, id, &o);
    if (err)
        return err;
    struct msg_queue *q = queue_of(o);
    if (bytes_max > MSG_BYTES_MAX && !capable(CAP_SYS_RESOURCE)) {
        queue_put(q);
        return -EPERM;
    }
    sysv_set_perm(&queues, o, perm);
    spin_lock(&o->lock);
    q->bytes_max = bytes_max;
    q->changed_at = sysv_now();
    waitq_wake_all(&q->senders, 0);
    spin_unlock(&o->lock);
    queue_put(q);
    return 0;
}

int msg_remove(int id)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&queues, id, &o);
    if (err)
        return err;
    struct msg_queue *q = queue_of(o);
    if (sysv_remove(&queues, o)) {
        spin_lock(&o->lock);
        waitq_wake_all(&q->senders, 0);
        waitq_wake_all(&q->receivers, 0);
        spin_unlock(&o->lock);
    }
    queue_put(q);
    return 0;
}

int msg_info(int *queue_count, int *messages, int *bytes)
{
    struct msqid64_ds ds;
    int id;
    *queue_count = *messages = *bytes = 0;
    for (int i = 0; msg_next(&i, &ds, &id); i++) {
        ++*queue_count;
        *messages += (int)ds.msg_qnum;
        *bytes += (int)ds.msg_cbytes;
    }
    return sysv_highest(&queues);
}

bool msg_next(int *index, struct msqid64_ds *ds, int *id)
{
    struct sysv_object *o = sysv_next(&queues, index);
    if (!o)
        return false;
    queue_stat(queue_of(o), ds);
    *id = o->id;
    sysv_put(&queues, o);
    return true;
}
