/* SPDX-License-Identifier: Apache-2.0 */
/* Files of strangers: images, symbol tables, layers and bom files that are damaged in many ways are refused, or read as something else;
 * nothing more. */
#include "base/file.h"
#include "host_test.h"
#include "image/bom.h"
#include "image/elf_symbols.h"
#include "image/erofs_read.h"
#include "image/erofs_write.h"
#include "image/image.h"
#include "image/image_file.h"
#include "image/layer.h"

#define ROUNDS 1000

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A few bytes changed, most of them where structures are. */
static void damage(uint8_t *data, size_t size, size_t head)
{
    for (unsigned i = 0; i < 1 + random_next() % 8; i++) {
        size_t at = random_next() % (random_next() % 4 ? head : size);
        data[at] = random_next() % 3 ? (uint8_t)random_next() : (uint8_t)(random_next() % 2 ? 0 : 0xff);
    }
}

/* ---- images -------------------------------------------------------------------------------------------------------------- */

static size_t seen;

static int visit(void *context, const struct erofs_file *f, struct error *err)
{
    uint64_t sum = 0;
    (void)context, (void)err;
    for (uint64_t i = 0; i < f->whole_size; i += 512) /* all that is promised can be read */
        sum += f->whole[i];
    for (uint64_t i = 0; i < f->size - f->whole_size && (S_ISREG(f->mode) || S_ISLNK(f->mode)); i++)
        sum += f->tail[i];
    seen += 1 + (sum == UINT64_MAX);
    return seen > 10000 ? -1 : 0; /* a damaged tree may have loops */
}

static bool image_walk(const char *path, struct error *err)
{
    struct erofs_image image;
    seen = 0;
    if (erofs_open(path, NULL, &image, err) < 0)
        return false;
    int result = erofs_walk(&image, visit, NULL, err);
    erofs_close(&image);
    return result == 0;
}

static void images_check(void)
{
    struct error err = {""};
    struct bytes good;
    char image[PATH_MAX], bad[PATH_MAX];
    snprintf(image, sizeof(image), "%s", test_path("image"));
    snprintf(bad, sizeof(bad), "%s", test_path("bad"));
    test_command(
        "mkdir -p %s/d/e/f && cd %s/d && for i in $(seq 300); do echo $i >e/file-with-a-name-$i; done && ln -s e link && head -c 9000 "
        "/dev/zero >zeros && ln zeros again && mkfifo pipe",
        test_path("tree"), test_path("tree"));
    struct tree_node *root = tree_read(test_path("tree"), &err);
    bool is_written = root && erofs_write(root, test_path("tree"), image, &(struct erofs_layout){0}, &err) == 0;
    tree_free(root);
    bool is_walked = is_written && image_walk(image, &err);
    test_result(is_walked && seen == 308, "image-walk", "%s, %zu files", err.text, seen);
    if (!is_written || file_read(image, &good, &err) < 0)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t *copy = memcpy(malloc(good.size), good.data, good.size);
        size_t size = random_next() % 8 ? good.size : random_next() % good.size;
        damage(copy, good.size, 16384);
        file_write(bad, copy, size, 0644, &err);
        image_walk(bad, &err);
        free(copy);
    }
    test_result(true, "image-damaged", " ");
    free(good.data);
}

/* Encrypted, with damage mostly in the last block, which says what the file is: refused, or a tree; never a fault. */
static void sealed_check(void)
{
    static const uint8_t key[32] = {1}, other[32] = {2};
    struct error err = {""};
    struct bytes good;
    struct config_image facts, read;
    struct callsite_totals totals;
    struct erofs_image image;
    char path[PATH_MAX], bad[PATH_MAX];
    unsigned opened = 0;
    snprintf(path, sizeof(path), "%s", test_path("sealed"));
    snprintf(bad, sizeof(bad), "%s", test_path("bad"));
    bool is_ok = image_write(test_path("tree"), path, &(struct image_options){.key = key}, &facts, &totals, &err) == 0 &&
                 image_trailer_read(path, &read, &err) == 0 && memcmp(&facts, &read, sizeof(facts)) == 0;
    is_ok = is_ok && erofs_open(path, NULL, &image, &err) < 0 && erofs_open(path, other, &image, &err) < 0;
    if (!test_result(is_ok && erofs_open(path, key, &image, &err) == 0, "image-sealed", "%s", err.text) || file_read(path, &good, &err) < 0)
        return;
    erofs_close(&image);
    for (int i = 0; i < ROUNDS / 4; i++) {
        uint8_t *copy = memcpy(malloc(good.size), good.data, good.size);
        damage(i % 4 ? copy + good.size - 4096 : copy, i % 4 ? 4096 : good.size, sizeof(struct image_trailer));
        file_write(bad, copy, random_next() % 8 ? good.size : random_next() % good.size, 0644, &err);
        if (erofs_open(bad, key, &image, &err) == 0) {
            opened++;
            erofs_walk(&image, visit, NULL, &err);
            erofs_close(&image);
        }
        free(copy);
    }
    test_result(opened < ROUNDS / 4, "image-sealed-damaged", "all %u were opened", opened);
    free(good.data);
}

/* ---- symbols --------------------------------------------------------------------------------------------------------------- */

static size_t symbols;

static void symbol(void *context, const char *name, uint64_t value, uint64_t size)
{
    (void)context, (void)value, (void)size;
    symbols += strlen(name) > 0;
}

static void symbols_check(void)
{
    struct error err = {""};
    struct bytes elf;
    uint64_t bias = 1;
    if (file_read("/proc/self/exe", &elf, &err) < 0 || elf.size == 0) {
        test_command("cp /proc/%d/exe %s", (int)getpid(), test_path("self"));
        if (file_read(test_path("self"), &elf, &err) < 0)
            return;
    }
    elf_symbols_each(elf.data, elf.size, symbol, NULL);
    test_result(symbols > 100, "elf-symbols", "only %zu", symbols);
    test_result(elf_bias(elf.data, elf.size, 0x10000, 0, &bias) && bias == 0x10000, "elf-bias", "%#llx", (unsigned long long)bias);
    for (int i = 0; i < 300; i++) {
        uint8_t *copy = memcpy(malloc(elf.size), elf.data, elf.size);
        size_t size = random_next() % 4 ? elf.size : random_next() % elf.size;
        uint8_t *end = memcpy(malloc(size + 1), copy, size); /* its end is the end of an allocation: reading on is seen */
        damage(end, size < 64 ? 1 : size, size < 1024 ? 1 : 1024);
        elf_symbols_each(end, size, symbol, NULL);
        (void)elf_bias(end, size, 0, random_next() % 65536, &bias);
        free(end);
        free(copy);
    }
    test_result(true, "elf-damaged", " ");
    free(elf.data);
}

/* ---- layers and boms -------------------------------------------------------------------------------------------------------- */

static void told(const char *line)
{
    (void)line;
}

/* A link in a lower layer must not lead an upper layer's files out of the folder. */
static void layers_check(void)
{
    struct error err = {""};
    char to[PATH_MAX], layer[PATH_MAX];
    snprintf(to, sizeof(to), "%s", test_path("merged"));
    snprintf(layer, sizeof(layer), "%s", test_path("layer"));
    test_command(
        "mkdir -p %s %s/out %s/outside && ln -s %s %s/out-link && mkdir %s/out-link && echo x >%s/out-link/file",
        to, layer, test_path("o"), test_path("o"), to, layer, layer);
    bool is_merged = layer_merge(layer, to, &err) == 0;
    test_result(is_merged && test_command("test -d %s/out-link && ! test -L %s/out-link && ! test -e %s/file", to, to, test_path("o")) == 0,
                "layer-links", "%s", err.text);
}

/* ".wh..." would take away what is above the image. */
static void whiteouts_check(void)
{
    struct error err = {""};
    char to[PATH_MAX], layer[PATH_MAX];
    snprintf(to, sizeof(to), "%s", test_path("above/image"));
    snprintf(layer, sizeof(layer), "%s", test_path("hostile-layer"));
    for (int i = 0; i < 2; i++) {
        test_command("rm -rf %s && mkdir -p %s %s/d && touch %s/../kept %s/kept %s/d/%s", layer, to, layer, to, to, layer, i ? ".wh.." : ".wh...");
        test_command("mv %s/d/.wh* %s && rmdir %s/d", layer, layer, layer);
        bool is_refused = layer_merge(layer, to, &err) < 0;
        test_result(is_refused && test_command("test -e %s/../kept && test -e %s/kept", to, to) == 0, i ? "whiteout-dot" : "whiteout-dots", "%s",
                    is_refused ? "something is gone" : "not refused");
    }
}

/* Folders and links of a bom file are made in the image, whatever it says. */
static void bom_places_check(void)
{
    static const char *const texts[] = {
        "targets:\n- target: /../../outside\n  mkdirs:\n  - made\n", "targets:\n- target: /\n  mkdirs:\n  - ../../outside/made\n",
        "targets:\n- target: /link\n  mkdirs:\n  - made\n", "targets:\n- target: /link/made\n  copy:\n  - files:\n    - /etc/hostname\n",
        "targets:\n- target: /\n  createlinks:\n  - src: x\n    linkname: ../../outside/made\n",
        "targets:\n- target: /\n  createlinks:\n  - src: ../../outside\n    linkname: l\n- target: /l\n  mkdirs:\n  - made\n",
    };
    struct error err = {""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        test_command("cd %s && rm -rf bom outside && mkdir -p bom/image outside && ln -s ../../outside bom/image/link", test_path(""));
        test_file("bom.yaml", texts[i], strlen(texts[i]));
        int result = bom_take(test_path("bom.yaml"), test_path("bom/image"), told, &err);
        test_result(result < 0 && test_command("test -z \"$(ls %s)\"", test_path("outside")) == 0, "bom-places", "case %zu", i);
    }
}

static void boms_check(void)
{
    static const char text[] =
        "includes:\n  - a.yaml\ntargets:\n  - target: /bin\n    copy:\n      - from: x\n        files:\n          - y\n    mkdirs:\n"
        "      - m\n    createlinks:\n      - src: a\n        linkname: b\n";
    struct error err = {""};
    test_command("mkdir -p %s", test_path("bom-image"));
    for (int i = 0; i < 300; i++) {
        uint8_t copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        copy[random_next() % sizeof(text)] = " \n:-\"#\0/x"[random_next() % 9];
        test_file("bom.yaml", copy, sizeof(copy));
        (void)bom_take(test_path("bom.yaml"), test_path("bom-image"), told, &err);
    }
    test_result(test_command("test -d %s/bin/m", test_path("bom-image")) == 0, "bom-damaged", "nothing was made");
}

int main(void)
{
    test_begin();
    images_check();
    sealed_check();
    symbols_check();
    layers_check();
    whiteouts_check();
    bom_places_check();
    boms_check();
    return test_failures != 0;
}
