/* SPDX-License-Identifier: Apache-2.0 */
/* The start block: copied once, checked, and held against what the configuration lets the host ask for. */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "init/init.h"
#include "init/request.h"
#include "platform/plat.h"

#define STATUS_REFUSED 125
#define TEXT_MAX 512

/* For pid 1 this is the end of the enclave. */
static void refuse(uint32_t id, const char *why, const char *what)
{
    char text[TEXT_MAX];
    format(text, sizeof(text), "%s%s", why, what);
    if (id) {
        request_reply(id, REPLY_REFUSED, 0, text);
        return;
    }
    log_error("%s", text);
    plat_exit(STATUS_REFUSED);
}

static void note(uint32_t id, const char *text)
{
    if (id)
        request_reply(id, REPLY_NOTE, 0, text);
    else
        log_warn("%s", text);
}

static bool is_block_sound(const struct start_block *b, uint64_t size)
{
    return size > sizeof(*b) && b->magic == START_MAGIC && b->size == size && b->argc <= START_COUNT_MAX &&
           b->envc <= START_COUNT_MAX && ((const char *)b)[size - 1] == 0;
}

/* `count` strings from *at on into list, which ends with NULL; *at moves behind them. False: there are not as many. */
static bool strings_take(const char **at, const char *end, uint32_t count, const char **list)
{
    for (uint32_t i = 0; i < count; i++) {
        if (*at >= end)
            return false;
        list[i] = *at;
        *at += strlen(*at) + 1;
    }
    list[count] = NULL;
    return true;
}

/* An entry point is the path itself, or a directory ("/usr/bin/") that it lies right or deeper in. */
static bool is_entry_point(const char *path)
{
    const struct config_strings *list = &config_get()->entry_points;
    for (uint32_t i = 0; i < list->count; i++) {
        const char *entry = config_list(list, i);
        size_t len = strlen(entry);
        bool is_dir = len > 0 && entry[len - 1] == '/';
        if (is_dir ? strncmp(path, entry, len) == 0 : strcmp(path, entry) == 0)
            return true;
    }
    return false;
}

static bool has_dots(const char *path)
{
    for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
        if (str_has_prefix(p, "/../") || strcmp(p, "/..") == 0)
            return true;
    }
    return false;
}

/* NAME, or NAME* for a prefix. */
static bool is_env_allowed(const char *variable)
{
    const struct config_strings *list = &config_get()->env_host;
    const char *equals = strchr(variable, '=');
    size_t len = equals ? (size_t)(equals - variable) : 0;
    for (uint32_t i = 0; i < list->count && len > 0; i++) {
        const char *name = config_list(list, i);
        size_t name_len = strlen(name);
        if (name_len > 0 && name[name_len - 1] == '*' ? len >= name_len - 1 && strncmp(variable, name, name_len - 1) == 0
                                                      : len == name_len && strncmp(variable, name, len) == 0)
            return true;
    }
    return false;
}

static bool is_same_name(const char *a, const char *b)
{
    while (*a == *b && *a && *a != '=')
        a++, b++;
    return *a == '=' && *b == '=';
}

static void note_left_out(uint32_t id, const char *variable)
{
    char text[TEXT_MAX];
    const char *equals = strchr(variable, '=');
    int len = equals ? (int)MIN(equals - variable, 64) : 0;
    format(text, sizeof(text), "environment variable %.*s: naos.json does not list it in env.host; left out", len, variable);
    note(id, text);
}

/* What the configuration sets, and what it lets the host set or set anew. env has room for both. */
static void env_merge(uint32_t id, const char *const *host, const char **env)
{
    const struct config_strings *set = &config_get()->env;
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++)
        env[count++] = config_list(set, i);
    for (; *host; host++) {
        uint32_t at = 0;
        if (!is_env_allowed(*host)) {
            note_left_out(id, *host);
            continue;
        }
        while (at < count && !is_same_name(env[at], *host))
            at++;
        env[at] = *host;
        count = MAX(count, at + 1);
    }
    env[count] = NULL;
}

/* The lists that point into the block. False: it is cut short, or there is no memory. */
static bool strings_read(struct process_start *start, const struct start_block *b)
{
    const char *at = b->strings, *end = (const char *)b + b->size;
    const char **argv = heap_alloc((b->argc + 1) * sizeof(*argv));
    const char **host_env = heap_alloc((b->envc + 1) * sizeof(*host_env));
    const char **env = heap_alloc((b->envc + config_get()->env.count + 1) * sizeof(*env));
    const char *cwd[2];
    start->memory[1] = argv;
    start->memory[2] = host_env;
    start->memory[3] = env;
    if (!argv || !host_env || !env)
        return false;
    if (!strings_take(&at, end, b->argc, argv) || !strings_take(&at, end, b->envc, host_env) || !strings_take(&at, end, 1, cwd))
        return false;
    env_merge(start->id, host_env, env);
    start->path = argv[0];
    start->argv = argv;
    start->envp = env;
    start->cwd = *cwd[0] ? cwd[0] : config_string(config_get()->workdir_off);
    return true;
}

static const char *path_objection(const char *path)
{
    if (!path) /* only pid 1 can do without */
        return NULL;
    if (path[0] != '/')
        return "the program must be an absolute path inside the image: ";
    if (has_dots(path) || !is_entry_point(path))
        return "not an entry point of this enclave (entry_points in naos.json): ";
    return NULL;
}

struct process_start *start_create(struct start_block *b, uint64_t size, uint32_t id)
{
    const struct config *c = config_get();
    struct process_start *start = heap_zalloc(sizeof(*start));
    if (!start) {
        heap_free(b);
        refuse(id, "no memory to start a program", "");
        return NULL;
    }
    *start = (struct process_start){.id = id, .uid = c->uid, .gid = c->gid, .stack_size = c->stack_size, .memory = {b}};
    const char *why = is_block_sound(b, size) ? NULL : "the start block is not one of this version";
    if (!why && !strings_read(start, b))
        why = "the start block is cut short, or does not fit in memory";
    if (!why && !start->path && id)
        why = "no program is named";
    if (!why)
        why = path_objection(start->path);
    if (why) {
        refuse(id, why, start->path ? start->path : "");
        process_start_free(start);
        return NULL;
    }
    return start;
}

struct process_start *start_read(void)
{
    uint64_t size = plat_host_info.start_size;
    struct start_block *b = size > sizeof(*b) && size <= START_SIZE_MAX ? heap_alloc(size) : NULL;
    if (!b)
        refuse(0, "the start block does not fit in memory", "");
    host_copy_in(b, plat_host_info.start_addr, size);
    return start_create(b, size, 0);
}
