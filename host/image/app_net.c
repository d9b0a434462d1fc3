/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "net" of naos.json: which ports the host may reach, and where programs may connect to.
 *   publish:   PORT | [ADDRESS:]HOST_PORT:PORT, then optionally /tcp or /udp; IPv6 addresses in
 * brackets outbound:  "allow" | "deny" | a list of ADDRESS[/PREFIX][:PORT[-PORT]][/tcp|/udp], * for
 * any address
 * and the names and addresses that /etc/hosts and /etc/resolv.conf are made of (etc_files.h)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app_json.h"

#define SPEC_MAX 128
#define V4_BITS  96 /* of ::ffff:a.b.c.d that come before the IPv4 address */

/* Cuts "/tcp" or "/udp" off; `none` if there is neither. */
static uint8_t protocol_cut(char *spec, uint8_t none)
{
    char *slash = strrchr(spec, '/');
    bool is_tcp = slash && strcmp(slash, "/tcp") == 0, is_udp = slash && strcmp(slash, "/udp") == 0;
    if (is_tcp || is_udp)
        *slash = 0;
    return is_tcp ? IPPROTO_TCP : is_udp ? IPPROTO_UDP : none;
}

static bool number_read(const char *text, unsigned min, unsigned max, unsigned *n)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long value = strtoul(text, &end, 10);
    *n = (unsigned)value;
    return *end == 0 && value >= min && value <= max;
}

/* "10.0.0.1", or IPv6 with or without brackets. */
static bool address_read(char *text, uint8_t addr[16], bool *is_v4)
{
    size_t len = strlen(text);
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text[len - 1] = 0;
        text++;
    }
    memset(addr, 0, 16);
    *is_v4 = inet_pton(AF_INET, text, addr + 12) == 1;
    if (*is_v4)
        addr[10] = addr[11] = 0xff;
    return *is_v4 || inet_pton(AF_INET6, text, addr) == 1;
}

/* The last colon that is not inside brackets. */
static char *colon_find(char *spec)
{
    char *colon = strrchr(spec, ':'), *bracket = strrchr(spec, ']');
    return colon && (!bracket || colon > bracket) ? colon : NULL;
}

static int entry_wrong(struct reader *r, const char *at, const char *spec, const char *want)
{
    char shown[101]; /* in one line, whatever it holds */
    snprintf(shown, sizeof(shown), "%s", spec);
    for (char *c = shown; *c; c++)
        *c = (unsigned char)*c < ' ' ? '?' : *c;
    return error_set(r->err, APP_FILE ": %s: \"%s\" is not %s", at, shown, want);
}

/* ---- publish --------------------------------------------------------------------------------- */

static bool publish_read(char *spec, struct config_publish *p)
{
    unsigned port, host_port;
    bool is_v4;
    p->protocol = protocol_cut(spec, IPPROTO_TCP);
    char *colon = colon_find(spec);
    if (!number_read(colon ? colon + 1 : spec, 1, 65535, &port))
        return false;
    host_port = port;
    if (colon) {
        *colon = 0;
        char *before = colon_find(spec);
        if (!number_read(before ? before + 1 : spec, 1, 65535, &host_port))
            return false;
        if (before) {
            *before = 0;
            if (!address_read(spec, p->host_addr, &is_v4))
                return false;
        }
    }
    p->port = (uint16_t)port;
    p->host_port = (uint16_t)host_port;
    return true;
}

static bool is_published_twice(const struct app *app, const struct config_publish *p)
{
    for (size_t i = 0; i < app->publish_count; i++) {
        if (app->publish[i].port == p->port && app->publish[i].protocol == p->protocol)
            return true;
    }
    return false;
}

static int publish_take(struct reader *r, const char *at, json_object *value)
{
    struct strings list = {0};
    struct app *app = r->app;
    if (strings_take(r, at, value, &list) < 0)
        return -1;
    app->publish = calloc(list.count + 1, sizeof(*app->publish));
    for (size_t i = 0; app->publish && i < list.count; i++) {
        struct config_publish p = {0};
        char spec[SPEC_MAX];
        if (snprintf(spec, sizeof(spec), "%s", list.items[i]) >= (int)sizeof(spec) ||
            !publish_read(spec, &p))
            return entry_wrong(r, at, list.items[i],
                               "a port: \"80\", \"8080:80\", \"127.0.0.1:8080:80\", \"53:53/udp\"");
        if (is_published_twice(app, &p))
            return entry_wrong(r, at, list.items[i], "possible: the port is published already");
        app->publish[app->publish_count++] = p;
    }
    return app->publish ? 0 : app_wrong(r, at, "out of memory");
}

/* ---- outbound -------------------------------------------------------------------------------- */

static bool ports_read(char *text, struct config_outbound *o)
{
    unsigned first, last;
    char *dash = strchr(text, '-');
    if (dash)
        *dash = 0;
    if (!number_read(text, 1, 65535, &first) ||
        !number_read(dash ? dash + 1 : text, first, 65535, &last))
        return false;
    o->port_first = (uint16_t)first;
    o->port_last = (uint16_t)last;
    return true;
}

static bool outbound_read(char *spec, struct config_outbound *o)
{
    bool is_v4;
    unsigned prefix;
    o->protocol = protocol_cut(spec, 0);
    o->port_last = UINT16_MAX;
    /* an IPv6 address with ports or a prefix stands in brackets, else its colons are its own */
    char *colon =
        strchr(spec, '[') || strchr(spec, ':') == strrchr(spec, ':') ? colon_find(spec) : NULL;
    if (colon) {
        *colon = 0;
        if (!ports_read(colon + 1, o))
            return false;
    }
    if (strcmp(spec, "*") == 0)
        return true;
    char *slash = strchr(spec, '/');
    if (slash)
        *slash = 0;
    if (!address_read(spec, o->addr, &is_v4))
        return false;
    prefix = is_v4 ? 32 : 128;
    if (slash && !number_read(slash + 1, 0, prefix, &prefix))
        return false;
    o->prefix = (uint8_t)(is_v4 ? V4_BITS + prefix : prefix);
    return true;
}

static int outbound_list_take(struct reader *r, const char *at, json_object *value)
{
    struct strings list = {0};
    struct app *app = r->app;
    if (strings_take(r, at, value, &list) < 0)
        return -1;
    app->outbound = calloc(list.count + 1, sizeof(*app->outbound));
    for (size_t i = 0; app->outbound && i < list.count; i++) {
        struct config_outbound o = {0};
        char spec[SPEC_MAX];
        if (snprintf(spec, sizeof(spec), "%s", list.items[i]) >= (int)sizeof(spec) ||
            !outbound_read(spec, &o))
            return entry_wrong(
                r, at, list.items[i],
                "a destination: \"10.0.0.0/8:443\", \"*:53/udp\", \"[2001:db8::]/32\"");
        app->outbound[app->outbound_count++] = o;
    }
    return app->outbound ? 0 : app_wrong(r, at, "out of memory");
}

static int outbound_take(struct reader *r, const char *at, json_object *value)
{
    const char *word =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
    if (!word && json_object_is_type(value, json_type_array))
        return outbound_list_take(r, at, value);
    if (word && strcmp(word, "deny") == 0)
        return 0;
    if (!word || strcmp(word, "allow") != 0)
        return app_wrong(
            r, at,
            "must be \"allow\", \"deny\", or a list of destinations like \"10.0.0.0/8:443\"");
    r->app->outbound = calloc(1, sizeof(*r->app->outbound));
    if (!r->app->outbound)
        return app_wrong(r, at, "out of memory");
    r->app->outbound[0] = (struct config_outbound){
        .port_last = UINT16_MAX}; /* ::/0, which holds all IPv4 addresses too */
    r->app->outbound_count = 1;
    return 0;
}

/* ---- names and addresses that programs find in /etc ------------------------------------------ */

/* A name of the domain name system, its parts of letters, digits, "-" and "_". */
static bool is_host_name(const char *name, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return len > 0 && len <= 253 && name[0] != '.' && name[0] != '-' && strspn(name, allowed) >= len;
}

/* "db:10.0.0.5", "db:[2001:db8::1]", and "db:2001:db8::1"; the brackets go. */
static bool host_read(char *entry)
{
    uint8_t addr[16];
    bool is_v4;
    char copy[SPEC_MAX], *colon = strchr(entry, ':');
    if (!colon || !is_host_name(entry, (size_t)(colon - entry)) || snprintf(copy, sizeof(copy), "%s", colon + 1) >= (int)sizeof(copy) ||
        !address_read(copy, addr, &is_v4))
        return false;
    size_t len = strlen(colon + 1);
    if (colon[1] == '[') {
        memmove(colon + 1, colon + 2, len - 2);
        colon[len - 1] = 0;
    }
    return true;
}

static int extra_hosts_take(struct reader *r, const char *at, json_object *value)
{
    struct strings *list = &r->app->extra_hosts;
    if (strings_take(r, at, value, list) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (!host_read(list->items[i]))
            return entry_wrong(r, at, list->items[i], "a name and an address: \"db:10.0.0.5\", \"db:[2001:db8::1]\"");
    }
    return 0;
}

static int dns_take(struct reader *r, const char *at, json_object *value)
{
    struct strings *list = &r->app->dns;
    if (strings_take(r, at, value, list) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        char copy[SPEC_MAX];
        uint8_t addr[16];
        bool is_v4;
        if (snprintf(copy, sizeof(copy), "%s", list->items[i]) >= (int)sizeof(copy) || copy[0] == '[' || !address_read(copy, addr, &is_v4))
            return entry_wrong(r, at, list->items[i], "a name server's address: \"10.0.0.53\", \"2001:db8::53\"");
    }
    return list->count <= 3 ? 0 : app_wrong(r, at, "has more than three name servers; programs ask no more");
}

static int dns_search_take(struct reader *r, const char *at, json_object *value)
{
    struct strings *list = &r->app->dns_search;
    if (strings_take(r, at, value, list) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_host_name(list->items[i], strlen(list->items[i])))
            return entry_wrong(r, at, list->items[i], "a domain: \"example.org\"");
    }
    return 0;
}

static int dns_opt_take(struct reader *r, const char *at, json_object *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_:";
    struct strings *list = &r->app->dns_opt;
    if (strings_take(r, at, value, list) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (strspn(list->items[i], allowed) != strlen(list->items[i]))
            return entry_wrong(r, at, list->items[i], "an option of resolv.conf(5): \"timeout:1\", \"use-vc\"");
    }
    return 0;
}

static bool may_reach(const struct app *app, const uint8_t addr[16], uint16_t port)
{
    for (size_t i = 0; i < app->outbound_count; i++) {
        const struct config_outbound *o = &app->outbound[i];
        unsigned whole = o->prefix / 8, rest = o->prefix % 8;
        bool is_inside = memcmp(o->addr, addr, whole) == 0 && (rest == 0 || (o->addr[whole] ^ addr[whole]) >> (8 - rest) == 0);
        if (is_inside && port >= o->port_first && port <= o->port_last && o->protocol != IPPROTO_TCP)
            return true;
    }
    return false;
}

/* A name server that programs would ask in vain is a mistake, not a policy. */
static int dns_check(struct reader *r, const char *at)
{
    for (size_t i = 0; i < r->app->dns.count; i++) {
        char copy[SPEC_MAX];
        uint8_t addr[16];
        bool is_v4;
        snprintf(copy, sizeof(copy), "%s", r->app->dns.items[i]);
        if (!address_read(copy, addr, &is_v4) || (copy[0] != ':' && strncmp(copy, "127.", 4) != 0 && !may_reach(r->app, addr, 53)))
            return error_set(r->err, APP_FILE ": %s.dns: %s cannot be asked: %s.outbound must allow \"%s%s%s:53/udp\"", at, copy, at,
                             is_v4 ? "" : "[", copy, is_v4 ? "" : "]");
    }
    return 0;
}

int net_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {
        {"publish", publish_take}, {"outbound", outbound_take}, {"extra_hosts", extra_hosts_take}, {"dns", dns_take},
        {"dns_search", dns_search_take}, {"dns_opt", dns_opt_take}, {NULL, NULL}};
    return object_take(r, at, value, fields) < 0 ? -1 : dns_check(r, at);
}
