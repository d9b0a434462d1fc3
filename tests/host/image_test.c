/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder with everything a file system can hold: as an image it has the same content, the folder
 * stays as it was, and the image is the same wherever and whenever the folder was made.
 */
#include "host_test.h"
#include "image/image.h"

/* The same files, with the same times of files, in a folder of its own. */
static const struct image_options no_options;

static void folder_make(const char *name)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", test_path(name));
    test_command("mkdir -p %s/a/b/empty %s/locked && cd %s && echo one >a/one && ln a/one "
                 "a/b/again && ln -s ../one a/b/link && ln -s /gone dangling"
                 " && mkfifo pipe && head -c 100000 /dev/zero | tr '\\0' x >large && : >nothing && "
                 "chmod 4755 a/one && chmod 600 large"
                 " && cp /bin/busybox program && touch -d @1000000000 a/one large nothing pipe "
                 "program && echo in >locked/in"
                 " && touch -d @5 locked/in && chmod 555 locked",
                 dir, dir, dir);
}

/* Names, modes, times, links and content, in a file. */
static void folder_list(const char *name, const char *to)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", test_path(name));
    test_command("cd %s && { find . -printf '%%p %%y %%m %%n %%T@ %%l\\n' | sort; find . -type f | "
                 "sort | xargs sha256sum; } >%s",
                 dir, test_path(to));
}

static bool image_make(const char *folder, const char *to, struct config_image *facts,
                       struct callsite_totals *totals)
{
    struct error err = {""};
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", test_path(folder));
    return test_result(image_write(dir, test_path(to), &no_options, facts, totals, &err) == 0, to, "%s",
                       err.text);
}

static void content_check(void)
{
    char dir[PATH_MAX], image[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", test_path("x"));
    snprintf(image, sizeof(image), "%s", test_path("image-first"));
    int status = test_command(
        "fsck.erofs --extract=%s --no-preserve-owner --preserve-perms %s >/dev/null 2>&1", dir,
        image);
    test_result(status == 0, "image-extract", "fsck.erofs ends with %d", status);
    test_result(test_command("test -s %s/.naos/callsites && rm -r %s/.naos", dir, dir) == 0,
                "image-callsites", "there is no table");
    test_result(test_command("diff -r --no-dereference -x pipe %s %s", dir, test_path("first")) ==
                    0,
                "image-content", "see above");
    test_result(test_command("test $(stat -c %%a %s/a/one) = 4755 && test $(stat -c %%Y %s/a/one) "
                             "= 1000000000 && test -p %s/pipe",
                             dir, dir, dir) == 0,
                "image-modes", "a mode, a time or a pipe was lost");
}

static void refusals_check(void)
{
    struct config_image facts;
    struct callsite_totals totals;
    struct error err = {""};
    test_result(image_write(test_path("nowhere"), test_path("i"), &no_options, &facts, &totals, &err) < 0 &&
                    strstr(err.text, "no such folder"),
                "image-missing", "%s", err.text);
    mkdir(test_path("second/.naos"), 0755);
    test_result(image_write(test_path("second"), test_path("i"), &no_options, &facts, &totals, &err) < 0 &&
                    strstr(err.text, "/.naos"),
                "image-reserved", "%s", err.text);
    test_result(access(test_path("i.root"), F_OK) < 0, "image-staging-gone",
                "the staging folder stays after a failure");
}

int main(void)
{
    struct config_image first, second;
    struct callsite_totals totals;
    test_begin();
    folder_make("first");
    folder_list("first", "before");
    if (!image_make("first", "image-first", &first, &totals))
        return 1;
    folder_list("first", "after");
    test_result(test_command("cmp %s %s", test_path("before"), test_path("after")) == 0,
                "image-folder-untouched", "see above");
    test_result(totals.files == 1 && totals.sites > 200, "image-sites", "%zu programs, %zu sites",
                totals.files, totals.sites);
    test_result(first.data_size % 4096 == 0 && first.hash_off == first.data_size, "image-facts",
                "odd sizes");
    content_check();
    folder_make("second");
    image_make("second", "image-second", &second, &totals);
    test_result(
        memcmp(first.root_hash, second.root_hash, 32) == 0 &&
            test_command("cmp %s %s", test_path("image-first"), test_path("image-second")) == 0,
        "image-reproducible", "two folders with the same files give two images");
    refusals_check();
    return test_failures > 0;
}
