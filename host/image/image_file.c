/* SPDX-License-Identifier: Apache-2.0 */
#include "image_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/image_crypt.h"

int image_trailer_write(int fd, const struct config_image *image, struct error *err)
{
    union {
        struct image_trailer t;
        uint8_t block[IMAGE_BLOCK];
    } last = {.t = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION, .image = *image}};
    off_t end = lseek(fd, 0, SEEK_END);
    return end < 0 || pwrite(fd, &last, sizeof(last), end) != sizeof(last) ? error_errno(err, "the image's last block") : 0;
}

static bool is_sound(const struct image_trailer *t, uint64_t file_size)
{
    const struct config_image *i = &t->image;
    return t->magic == IMAGE_MAGIC && i->size % IMAGE_BLOCK == 0 && i->data_size % IMAGE_BLOCK == 0 && i->data_size > 0 &&
           i->data_size <= i->size && i->hash_off == i->size && i->size < file_size && i->salt_size == 0 &&
           i->size - i->data_size == (i->flags ? image_tags_size(i->data_size) : 0) && (i->flags & ~(uint32_t)CONFIG_IMAGE_ENCRYPTED) == 0;
}

int image_trailer_read(const char *path, struct config_image *image, struct error *err)
{
    struct image_trailer t = {0};
    uint64_t size;
    int fd = file_open(path, &size, err);
    if (fd < 0)
        return -1;
    bool is_read = size >= IMAGE_BLOCK && pread(fd, &t, sizeof(t), (off_t)(size - IMAGE_BLOCK)) == sizeof(t);
    close(fd);
    if (!is_read || !is_sound(&t, size))
        return error_set(err, "%s is not an image that naos made (naos image build)", path);
    if (t.version != IMAGE_VERSION)
        return error_set(err, "%s is an image of version %u, this naos knows %u; make it anew", path, t.version, IMAGE_VERSION);
    *image = t.image;
    return 0;
}

static int content_copy(int in, int out)
{
    for (;;) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, 1u << 30, 0);
        if (n <= 0)
            return n < 0 ? -1 : fsync(out);
    }
}

int image_link(const char *from, const char *to, struct error *err)
{
    if (link(from, to) == 0)
        return 0;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int result = in < 0 ? error_errno(err, "%s", from) : out < 0 || content_copy(in, out) < 0 ? error_errno(err, "%s", to) : 0;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return result;
}

const char *image_file_name(unsigned idx, char buf[IMAGE_NAME_MAX])
{
    if (idx == 0)
        snprintf(buf, IMAGE_NAME_MAX, "image.naos");
    else
        snprintf(buf, IMAGE_NAME_MAX, "image-%u.naos", idx);
    return buf;
}

static bool lies_inside(const struct bytes *config, uint64_t off, uint64_t size)
{
    return off <= config->size && size <= config->size - off;
}

int config_images(const struct bytes *config, struct image_ref list[BOOT_IMAGE_MAX])
{
    const struct config *c = (const struct config *)config->data;
    const struct config_mount *m = (const struct config_mount *)(config->data + c->mounts_off);
    int count = 1;
    list[0] = (struct image_ref){"/", &c->image};
    if (!lies_inside(config, c->mounts_off, (uint64_t)c->mount_count * sizeof(*m)))
        return -1;
    for (uint32_t i = 0; i < c->mount_count; i++) {
        if (m[i].kind != CONFIG_MOUNT_IMAGE)
            continue;
        bool is_sound = lies_inside(config, m[i].image_off, sizeof(*list[0].image)) && m[i].target_off < config->size &&
                        memchr(config->data + m[i].target_off, 0, config->size - m[i].target_off);
        if (!is_sound || count == BOOT_IMAGE_MAX)
            return -1;
        list[count++] = (struct image_ref){(const char *)config->data + m[i].target_off,
                                           (const struct config_image *)(config->data + m[i].image_off)};
    }
    return count;
}
