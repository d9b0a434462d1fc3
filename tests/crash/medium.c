/* SPDX-License-Identifier: Apache-2.0 */
#include "medium.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct medium *medium_of(struct store_dev *dev)
{
    return container_of(dev, struct medium, dev);
}

static bool is_failing(struct medium *m)
{
    if (m->fail_at > 0)
        m->fail_at--;
    return m->fail_at == 0;
}

static void note(struct medium *m, uint64_t block, const void *data)
{
    if (m->write_count == m->write_room) {
        m->write_room = m->write_room * 2 + 256;
        m->writes = realloc(m->writes, m->write_room * sizeof(*m->writes));
    }
    struct medium_write *w = &m->writes[m->write_count++];
    *w = (struct medium_write){.block = block};
    if (data) {
        w->data = malloc(STORE_BLOCK);
        memcpy(w->data, data, STORE_BLOCK);
    }
}

static int medium_read(struct store_dev *dev, uint64_t block, void *buf, size_t count)
{
    if (block >= dev->blocks || count > dev->blocks - block)
        return -EIO;
    memcpy(buf, medium_of(dev)->bytes + block * STORE_BLOCK, count * STORE_BLOCK);
    return 0;
}

static int medium_write(struct store_dev *dev, uint64_t block, const void *buf, size_t count)
{
    struct medium *m = medium_of(dev);
    if (is_failing(m) || block >= dev->blocks || count > dev->blocks - block)
        return -EIO;
    memcpy(m->bytes + block * STORE_BLOCK, buf, count * STORE_BLOCK);
    for (size_t i = 0; m->is_recording && i < count; i++)
        note(m, block + i, (const char *)buf + i * STORE_BLOCK);
    return 0;
}

static int medium_sync(struct store_dev *dev)
{
    struct medium *m = medium_of(dev);
    if (is_failing(m))
        return -EIO;
    if (m->is_recording)
        note(m, MEDIUM_BARRIER, NULL);
    return 0;
}

static int medium_resize(struct store_dev *dev, uint64_t blocks)
{
    if (is_failing(medium_of(dev)) || blocks > dev->max_blocks)
        return -ENOSPC;
    dev->blocks = blocks;
    return 0;
}

/* What is not wanted any more holds rubbish from then on. */
static int medium_room(struct store_dev *dev, uint64_t block, uint64_t count, bool is_wanted)
{
    uint8_t rubbish[STORE_BLOCK];
    int err = 0;
    memset(rubbish, 0xdd, sizeof(rubbish));
    if (is_wanted) {
        memset(medium_of(dev)->bytes + block * STORE_BLOCK, 0, count * STORE_BLOCK);
        return is_failing(medium_of(dev)) ? -ENOSPC : 0;
    }
    for (uint64_t i = 0; i < count && err == 0; i++)
        err = medium_write(dev, block + i, rubbish, 1);
    return err;
}

static const struct store_dev_ops medium_ops = {
    .read = medium_read, .write = medium_write, .sync = medium_sync, .resize = medium_resize, .room = medium_room};

void medium_init(struct medium *m, uint64_t max_blocks)
{
    *m = (struct medium){.dev = {.ops = &medium_ops, .max_blocks = max_blocks}, .fail_at = -1};
    m->bytes = calloc(max_blocks, STORE_BLOCK);
    if (!m->bytes) {
        perror("medium");
        exit(1);
    }
}

void medium_forget(struct medium *m)
{
    for (size_t i = 0; i < m->write_count; i++)
        free(m->writes[i].data);
    m->write_count = 0;
}

void medium_record(struct medium *m, bool is_on)
{
    m->is_recording = is_on;
}

void medium_fini(struct medium *m)
{
    medium_forget(m);
    free(m->writes);
    free(m->bytes);
}
