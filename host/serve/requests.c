/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way into the enclave: a queue that any thread fills, announced through an event of `wait`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "serve_internal.h"

struct serve_request {
    struct serve_request *next;
    size_t size;
    uint8_t bytes[];
};

int requests_init(struct serve *serve)
{
    struct serve_requests *q = &serve->requests;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = SERVE_REQUEST_TAG};
    pthread_mutex_init(&q->lock, NULL);
    q->last = &q->first;
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return q->fd < 0 ? -1 : epoll_ctl(serve->events_fd, EPOLL_CTL_ADD, q->fd, &ev);
}

int serve_request_post(struct serve *serve, const struct request *r, const void *more)
{
    const uint64_t one = 1;
    struct serve_requests *q = &serve->requests;
    struct serve_request *node = malloc(sizeof(*node) + sizeof(*r) + r->size);
    if (!node)
        return -1;
    node->next = NULL;
    node->size = sizeof(*r) + r->size;
    memcpy(node->bytes, r, sizeof(*r));
    memcpy(node->bytes + sizeof(*r), more, r->size);
    pthread_mutex_lock(&q->lock);
    *q->last = node;
    q->last = &node->next;
    pthread_mutex_unlock(&q->lock);
    return write(q->fd, &one, sizeof(one)) < 0 ? -1 : 0;
}

int64_t serve_request_take(struct serve_vcpu *vcpu, void *request, size_t request_size)
{
    struct serve_requests *q = &vcpu->serve->requests;
    pthread_mutex_lock(&q->lock);
    struct serve_request *node = q->first;
    if (node) {
        q->first = node->next;
        if (!q->first)
            q->last = &q->first;
    }
    pthread_mutex_unlock(&q->lock);
    if (!node)
        return -EAGAIN;
    int64_t size = node->size <= request_size ? (int64_t)node->size : -EAGAIN;
    if (size > 0)
        memcpy(request, node->bytes, node->size);
    free(node);
    return size;
}

int64_t serve_request_reply(struct serve_vcpu *vcpu, uint32_t id, uint32_t kind, int64_t value, const void *text, size_t text_size)
{
    const struct serve_options *options = &vcpu->serve->options;
    if (kind == REPLY_CORE_BEGIN || kind == REPLY_CORE_PART || kind == REPLY_CORE_END)
        core_take(options->core_dir, kind, value, text, text_size);
    else if (options->reply)
        options->reply(options->reply_context, id, kind, value, text, text_size);
    return 0;
}
