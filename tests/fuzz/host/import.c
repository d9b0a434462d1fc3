/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of images, OCI and docker. An input is a list of parts: an 'o' or 'd' for the kind, then documents; the last is index.json or
 * manifest.json, the others are blobs, and "@N" in a later one stands for the digest of document N. In the place of tar(1), a layer's own bytes
 * say what it holds: d, f or l, and a path with '!' at its end, as whatever archive could. Nothing outside of the folders changes.
 */
#include "target.h"
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/program.h"
#include "image/app.h"
#include "image/import.h"

#define DOCUMENTS_MAX 10

static char digests[DOCUMENTS_MAX][65];

/* ---- tar ------------------------------------------------------------------------------------------------------------------ */

/* As tar does: members stay inside, and nothing is made through a link. A name is one or two components. */
static void member_make(int dir, char kind, char *path)
{
    char *slash = strchr(path, '/');
    int at = dir;
    if (slash) {
        *slash = 0;
        mkdirat(dir, path, 0755);
        at = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        path = slash + 1;
    }
    bool is_made = at >= 0 && !strchr(path, '/') && strcmp(path, "..") != 0;
    if (is_made && kind == 'd')
        mkdirat(at, path, 0755);
    else if (is_made && kind == 'l')
        (void)!symlinkat("../outside", at, path);
    else if (is_made)
        close(openat(at, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (at >= 0 && at != dir)
        close(at);
}

static void layer_fill(const char *archive, const char *to)
{
    char path[256];
    size_t len = 0;
    int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kind = 0, c, count = 0;
    FILE *f = fopen(archive, "re");
    while (f && (c = fgetc(f)) != EOF && count < 30) {
        if (!kind) {
            kind = c;
        } else if (c == '!' || len == sizeof(path) - 1) {
            path[len] = 0;
            if (len > 0 && strncmp(path, "../", 3) != 0)
                member_make(dir, (char)kind, path);
            kind = 0, len = 0, count++;
        } else if (c) {
            path[len++] = (char)c;
        }
    }
    if (f)
        fclose(f);
    close(dir);
}

int program_run(char *const *argv, const char *why, struct error *err)
{
    if (strcmp(argv[0], "tar") == 0) {
        layer_fill(argv[3], argv[5]);
        return 0;
    }
    return error_set(err, "%s", why); /* cp: not for this */
}

/* ---- the layout ------------------------------------------------------------------------------------------------------------ */

/* The document with digests in it. */
static char *document_expand(const char *text, size_t size, size_t *result)
{
    char *out = malloc(size * 64 + 1);
    size_t len = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '@' && i + 1 < size && isdigit((unsigned char)text[i + 1]) && digests[text[i + 1] - '0'][0]) {
            memcpy(out + len, digests[text[++i] - '0'], 64);
            len += 64;
        } else {
            out[len++] = text[i];
        }
    }
    *result = len;
    return out;
}

static void digest_of(const void *data, size_t size, char *hex)
{
    uint8_t digest[32];
    if (!EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL))
        abort();
    for (int i = 0; i < 32; i++)
        sprintf(hex + 2 * i, "%02x", digest[i]);
}

static void document_put(unsigned nr, const char *text, size_t size, bool is_oci, bool is_last)
{
    char name[128];
    size_t len;
    char *expanded = document_expand(text, size, &len);
    digest_of(expanded, len, digests[nr]);
    if (is_last)
        snprintf(name, sizeof(name), "layout/%s", is_oci ? "index.json" : "manifest.json");
    else if (is_oci)
        snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digests[nr]);
    else
        snprintf(name, sizeof(name), "layout/%u", nr);
    fuzz_file(name, expanded, len);
    free(expanded);
}

static void layout_make(struct fuzz_parts *parts, bool is_oci)
{
    size_t size;
    mkdir(fuzz_path("layout"), 0755);
    mkdir(fuzz_path("layout/blobs"), 0755);
    mkdir(fuzz_path("layout/blobs/sha256"), 0755);
    fuzz_file("layout/oci-layout", "{}", 2);
    memset(digests, 0, sizeof(digests));
    for (unsigned nr = 0; nr < DOCUMENTS_MAX; nr++) {
        char *part = fuzz_part(parts, &size);
        if (!part)
            break;
        document_put(nr, part, size, is_oci, parts->left == 0 || nr == DOCUMENTS_MAX - 1);
        free(part);
    }
}

static void configure(const struct import *import)
{
    struct error err = {""};
    struct app app;
    mkdir(fuzz_path("app"), 0755);
    fuzz_file("app/" APP_FILE, "{\"entry_points\": [\"/bin/\"]}", 27);
    mkdir(fuzz_path("to/etc"), 0755);
    if (import_configure(fuzz_path("app"), fuzz_path("to"), import, &err) < 0)
        return;
    int result = app_read(fuzz_path("app"), &app, &err); /* it may hold what naos.json may not */
    (void)result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import import;
    struct error err = {""};
    if (size < 2)
        return 0;
    struct fuzz_parts parts = {data + 1, size - 1};
    fuzz_clear();
    layout_make(&parts, data[0] != 'd');
    if (data[0] == 'd') { /* an oci-layout folder without an index is taken for a docker-archive */
        unlink(fuzz_path("layout/index.json"));
    }
    int open_before = fuzz_open_fds();
    int result = import_unpack(fuzz_path("layout"), fuzz_path("to"), fuzz_path("scratch"), &import, &err);
    if (result == 0)
        configure(&import);
    else if (!err.text[0])
        fuzz_wrong("refused, but not said why");
    if (fuzz_open_fds() != open_before)
        fuzz_wrong("a descriptor was lost");
    fuzz_outside_check();
    if (access(fuzz_path("layout/oci-layout"), F_OK) < 0)
        fuzz_wrong("the archive itself was changed");
    return 0;
}
