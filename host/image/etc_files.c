/* SPDX-License-Identifier: Apache-2.0 */
#include "etc_files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_ADDRESS "10.0.2.15" /* eth0's, kernel/net/interface.h */

static void hostname_write(FILE *f, const struct app *app)
{
    fprintf(f, "%s\n", app->hostname);
}

static void hosts_write(FILE *f, const struct app *app)
{
    fputs("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", f);
    fprintf(f, OWN_ADDRESS "\t%s\n", app->hostname);
    for (size_t i = 0; i < app->extra_hosts.count; i++) { /* NAME:ADDRESS */
        const char *entry = app->extra_hosts.items[i], *address = strchr(entry, ':') + 1;
        fprintf(f, "%s\t%.*s\n", address, (int)(address - entry - 1), entry);
    }
}

static void list_write(FILE *f, const char *word, const struct strings *list)
{
    if (list->count > 0)
        fputs(word, f);
    for (size_t i = 0; i < list->count; i++)
        fprintf(f, " %s", list->items[i]);
    if (list->count > 0)
        fputc('\n', f);
}

/* Nothing, and no file, if naos.json says nothing. */
static void resolv_write(FILE *f, const struct app *app)
{
    for (size_t i = 0; i < app->dns.count; i++)
        fprintf(f, "nameserver %s\n", app->dns.items[i]);
    list_write(f, "search", &app->dns_search);
    list_write(f, "options", &app->dns_opt);
}

static const struct {
    const char *name;
    void (*write)(FILE *f, const struct app *app);
} kinds[ETC_FILE_COUNT] = {{"hostname", hostname_write}, {"hosts", hosts_write}, {"resolv.conf", resolv_write}};

static bool is_missing(const struct tree_node *n)
{
    return !n || (S_ISREG(n->mode) && n->size == 0);
}

static char *text_make(const struct app *app, size_t kind, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f)
        kinds[kind].write(f, app);
    if (!f || fclose(f) != 0) {
        error_set(err, "out of memory for /etc/%s", kinds[kind].name);
        return NULL;
    }
    return text;
}

/* The folder's file is the one that counts: is anything said in vain? */
static void vain_tell(const struct app *app, size_t kind)
{
    bool is_hosts = strcmp(kinds[kind].name, "hosts") == 0 && app->extra_hosts.count > 0;
    bool is_resolv = strcmp(kinds[kind].name, "resolv.conf") == 0 && app->dns.count + app->dns_search.count + app->dns_opt.count > 0;
    if (is_hosts || is_resolv)
        fprintf(stderr, "naos build: the image has its own /etc/%s: net.%s of " APP_FILE " is not seen\n", kinds[kind].name,
                is_hosts ? "extra_hosts" : "dns");
}

static int file_put(struct tree_node *etc, size_t kind, const char *text, struct error *err)
{
    struct tree_node *n = tree_find(etc, kinds[kind].name), *added;
    if (n) { /* empty so far */
        n->data = text;
        n->size = strlen(text);
        return 0;
    }
    added = tree_add(etc, kinds[kind].name, S_IFREG | 0644, text, strlen(text));
    return added ? 0 : error_set(err, "out of memory for /etc/%s", kinds[kind].name);
}

int etc_files_put(struct tree_node *root, const struct app *app, struct etc_files *files, struct error *err)
{
    struct tree_node *etc = tree_find(root, "/etc");
    if (!etc)
        etc = tree_add(root, "etc", S_IFDIR | 0755, NULL, 0);
    if (!etc || !S_ISDIR(etc->mode))
        return etc ? 0 : error_set(err, "out of memory for /etc"); /* a link: what it leads to is the image's own business */
    for (size_t i = 0; i < ETC_FILE_COUNT; i++) {
        if (!is_missing(tree_find(etc, kinds[i].name))) {
            vain_tell(app, i);
            continue;
        }
        files->text[i] = text_make(app, i, err);
        if (!files->text[i] || (files->text[i][0] && file_put(etc, i, files->text[i], err) < 0))
            return -1;
    }
    return 0;
}

void etc_files_free(struct etc_files *files)
{
    for (size_t i = 0; i < ETC_FILE_COUNT; i++)
        free(files->text[i]);
}

bool etc_file_is_ours(struct tree_node *root, const char *path)
{
    if (strcmp(path, "/etc") == 0)
        return !tree_find(root, path);
    for (size_t i = 0; i < ETC_FILE_COUNT; i++) {
        if (strncmp(path, "/etc/", 5) == 0 && strcmp(path + 5, kinds[i].name) == 0)
            return is_missing(tree_find(root, path));
    }
    return false;
}
