/* SPDX-License-Identifier: Apache-2.0 */
/* naos new: an instance's folder, ready for programs. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "cmd.h"
#include "image/app.h"
#include "image/occlum.h"
#include "schema_gen.h"

static const char usage[] =
    "Usage: naos new [--from-occlum OCCLUM] DIR\n"
    "Make an instance in DIR: naos.json (what the enclave is), "
    "naos.schema.json (explains each field to editors),\n"
    "and image/, the root file system that programs will see.\n\n"
    "      --from-occlum OCCLUM   take over Occlum.json, image/ and the bom files (*.yaml) of an Occlum instance or project\n"
    "  -h, --help                 this text\n";

static const char template[] = "{\n"
                               "  \"$schema\": \"./" APP_SCHEMA "\",\n"
                               "  \"memory\": { \"size\": \"1G\" },\n"
                               "  \"vcpus\": { \"max\": 8 },\n"
                               "  \"entry_points\": [\"/usr/bin/\", \"/usr/sbin/\", \"/usr/local/bin/\", \"/bin/\", "
                               "\"/sbin/\"],\n"
                               "  \"env\": {\n"
                               "    \"set\": {\n"
                               "      \"PATH\": \"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
                               "      \"HOME\": \"/root\"\n"
                               "    },\n"
                               "    \"host\": [\"TERM\", \"LANG\", \"LC_*\", \"TZ\"]\n"
                               "  },\n"
                               "  \"hostname\": \"naos\",\n"
                               "  \"workdir\": \"/\",\n"
                               "  \"user\": { \"uid\": 0, \"gid\": 0 },\n"
                               "  \"mounts\": [ { \"target\": \"/tmp\", \"type\": \"memory\", \"size\": \"256M\" } ],\n"
                               "  \"net\": { \"publish\": [], \"outbound\": \"deny\" },\n"
                               "  \"image\": { \"dir\": \"image\" },\n"
                               "  \"enclave\": { \"debug\": true, \"product_id\": 0, \"svn\": 0 }\n"
                               "}\n";

static const struct {
    const char *path;
    const char *link; /* NULL: a directory */
    unsigned mode;
} skeleton[] = {
    {"usr", NULL, 0755},       {"usr/bin", NULL, 0755},       {"usr/sbin", NULL, 0755}, {"usr/lib", NULL, 0755}, {"usr/lib64", NULL, 0755},
    {"usr/local", NULL, 0755}, {"usr/local/bin", NULL, 0755}, {"bin", "usr/bin", 0},    {"sbin", "usr/sbin", 0}, {"lib", "usr/lib", 0},
    {"lib64", "usr/lib64", 0}, {"etc", NULL, 0755},           {"root", NULL, 0700},     {"tmp", NULL, 01777},    {"dev", NULL, 0755},
    {"proc", NULL, 0555},      {"sys", NULL, 0555},           {"run", NULL, 0755},      {"var", NULL, 0755},     {"var/tmp", NULL, 01777},
};

static const struct {
    const char *path, *text;
} files[] = {
    {"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
};

static int skeleton_make(const char *image, struct error *err)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(skeleton) / sizeof(skeleton[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", image, skeleton[i].path);
        int result = skeleton[i].link ? symlink(skeleton[i].link, path) : mkdir(path, 0755);
        if (result == 0 && !skeleton[i].link)
            result = chmod(path, skeleton[i].mode);
        if (result < 0)
            return error_errno(err, "%s", path);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", image, files[i].path);
        if (file_write(path, files[i].text, strlen(files[i].text), 0644, err) < 0)
            return -1;
    }
    return 0;
}

static int instance_make(const char *dir, struct error *err)
{
    char path[PATH_MAX];
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return error_errno(err, "%s", dir);
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    if (access(path, F_OK) == 0)
        return error_set(err, "%s is there already; choose another folder", path);
    snprintf(path, sizeof(path), "%s/" APP_SCHEMA, dir);
    if (file_write(path, schema_text, sizeof(schema_text), 0644, err) < 0)
        return -1;
    snprintf(path, sizeof(path), "%s/image", dir);
    if (mkdir(path, 0755) < 0)
        return error_errno(err, "%s", path);
    if (skeleton_make(path, err) < 0)
        return -1;
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    return file_write(path, template, strlen(template), 0644, err);
}

static void not_carried(const char *line)
{
    fprintf(stderr, "naos new: not carried over: %s\n", line);
}

int cmd_new(int argc, char **argv)
{
    static const struct option options[] = {
        {"from-occlum", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *occlum = NULL;
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'o': occlum = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: fputs("Try 'naos new --help'.\n", stderr); return STATUS_USER_ERROR;
        }
    }
    if (optind != argc - 1)
        return cmd_fail("new", "give the folder to make; see 'naos new --help'");
    const char *dir = argv[optind];
    if (instance_make(dir, &err) < 0 || (occlum && occlum_take(occlum, dir, not_carried, &err) < 0))
        return cmd_fail("new", err.text);
    printf("made %s; next: cd %s && naos add PROGRAM && naos build\n", dir, dir);
    return STATUS_OK;
}
