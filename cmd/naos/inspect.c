/* SPDX-License-Identifier: Apache-2.0 */
/* naos inspect: what the enclave is, from the files that `naos build` made and that the processor will measure. */
#include <arpa/inet.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "cmd.h"
#include "instance/instance.h"
#include "naos/config.h"
#include "sgx_arch.h"

static const char usage[] = "Usage: naos inspect [OPTION]...\n"
                            "Show what is in the enclave that `naos build` made.\n\n"
                            "  -C, --instance DIR   the instance is in DIR (default: here)\n"
                            "      --json           as JSON\n"
                            "  -h, --help           this text\n";

static int part_read(const char *dir, const char *name, size_t min, struct bytes *b,
                     struct error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (file_read(path, b, err) < 0)
        return error_set(err, "%s is missing; run `naos build` first", path);
    return b->size < min ? error_set(err, "%s is damaged; run `naos build` again", path) : 0;
}

static const char *text_of(const struct bytes *conf, uint32_t off)
{
    return off && off < conf->size && memchr(conf->data + off, 0, conf->size - off)
               ? (const char *)conf->data + off
               : "";
}

static json_object *list_of(const struct bytes *conf, const struct config_strings *list)
{
    json_object *a = json_object_new_array();
    uint32_t off = list->off;
    for (uint32_t i = 0; i < list->count && off < conf->size; i++) {
        const char *s = text_of(conf, off);
        json_object_array_add(a, json_object_new_string(s));
        off += (uint32_t)strlen(s) + 1;
    }
    return a;
}

/* An array of `count` structures, if it lies inside the block. */
static const void *array_at(const struct bytes *conf, uint32_t off, uint32_t count, size_t size)
{
    return count > 0 && off <= conf->size && count <= (conf->size - off) / size ? conf->data + off
                                                                                : NULL;
}

/* How a store is keyed, and what is known of a rollback across restarts; what an image must be. */
static void mount_facts(const struct bytes *conf, const struct config_mount *m, char *text, size_t size)
{
    const struct config_image *image = array_at(conf, m->image_off, 1, sizeof(*image));
    bool is_store = m->kind == CONFIG_MOUNT_STORE || (m->kind == CONFIG_MOUNT_OVERLAY && m->source_off);
    char hash[65];
    *text = 0;
    if (is_store)
        snprintf(text, size, " source=%s key=%s rollback=%s", text_of(conf, m->source_off),
                 m->flags & CONFIG_MOUNT_KEY_FILE ? "file" : m->flags & CONFIG_MOUNT_KEY_SIGNER ? "signer" : "enclave",
                 m->flags & CONFIG_MOUNT_COUNTED ? "file" : "none");
    if (m->kind == CONFIG_MOUNT_HOST)
        snprintf(text, size, " source=%s%s", text_of(conf, m->source_off), m->file_count ? " verified" : " untrusted");
    if (m->kind == CONFIG_MOUNT_IMAGE && image) {
        hex_print(image->root_hash, 32, hash);
        snprintf(text, size, " root_hash=%s%s", hash, image->flags & CONFIG_IMAGE_ENCRYPTED ? " encrypted" : "");
    }
}

static json_object *mounts_of(const struct bytes *conf)
{
    static const char *const kinds[] = {"?", "memory", "store", "image", "host", "overlay"};
    const struct config *c = (const struct config *)conf->data;
    const struct config_mount *m = array_at(conf, c->mounts_off, c->mount_count, sizeof(*m));
    json_object *a = json_object_new_array();
    char text[1024], facts[512];
    for (uint32_t i = 0; m && i < c->mount_count; i++) {
        mount_facts(conf, &m[i], facts, sizeof(facts));
        snprintf(text, sizeof(text), "%s %s%s%s%s", text_of(conf, m[i].target_off),
                 kinds[m[i].kind < 6 ? m[i].kind : 0], facts,
                 m[i].flags & CONFIG_MOUNT_READ_ONLY ? ",ro" : "",
                 m[i].flags & CONFIG_MOUNT_NOEXEC ? ",noexec" : "");
        json_object_array_add(a, json_object_new_string(text));
    }
    return a;
}

static const char *protocol_name(uint8_t protocol)
{
    return protocol == IPPROTO_TCP ? "/tcp" : protocol == IPPROTO_UDP ? "/udp" : "";
}

/* IPv4 as itself, IPv6 in brackets. */
static void address_text(const uint8_t addr[16], char *text, size_t size)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    char ip[INET6_ADDRSTRLEN];
    bool is_v4 = memcmp(addr, v4, sizeof(v4)) == 0;
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? addr + 12 : addr, ip, sizeof(ip));
    snprintf(text, size, is_v4 ? "%s" : "[%s]", ip);
}

static json_object *publish_of(const struct bytes *conf)
{
    const struct config *c = (const struct config *)conf->data;
    const struct config_publish *p = array_at(conf, c->publish_off, c->publish_count, sizeof(*p));
    json_object *a = json_object_new_array();
    char ip[64], text[128];
    for (uint32_t i = 0; p && i < c->publish_count; i++) {
        address_text(p[i].host_addr, ip, sizeof(ip));
        snprintf(text, sizeof(text), "%s:%u:%u%s", ip, p[i].host_port, p[i].port,
                 protocol_name(p[i].protocol));
        json_object_array_add(a, json_object_new_string(text));
    }
    return a;
}

static json_object *outbound_of(const struct bytes *conf)
{
    const struct config *c = (const struct config *)conf->data;
    const struct config_outbound *o =
        array_at(conf, c->outbound_off, c->outbound_count, sizeof(*o));
    json_object *a = json_object_new_array();
    char ip[64], text[128];
    for (uint32_t i = 0; o && i < c->outbound_count; i++) {
        address_text(o[i].addr, ip, sizeof(ip));
        snprintf(text, sizeof(text), "%s/%u:%u-%u%s", ip,
                 ip[0] == '[' ? o[i].prefix : o[i].prefix - 96u, o[i].port_first, o[i].port_last,
                 protocol_name(o[i].protocol));
        json_object_array_add(a, json_object_new_string(text));
    }
    return a;
}

static void hex_add(json_object *o, const char *name, const uint8_t *bytes, size_t size)
{
    char text[65];
    hex_print(bytes, size, text);
    json_object_object_add(o, name, json_object_new_string(text));
}

static void number_add(json_object *o, const char *name, uint64_t value)
{
    json_object_object_add(o, name, json_object_new_uint64(value));
}

static json_object *facts_collect(const struct sgx_sigstruct *sig, const struct bytes *conf)
{
    const struct config *c = (const struct config *)conf->data;
    uint8_t mrsigner[32];
    json_object *o = json_object_new_object();
    EVP_Digest(sig->modulus, sizeof(sig->modulus), mrsigner, NULL, EVP_sha256(), NULL);
    hex_add(o, "mrenclave", sig->enclave_hash, 32);
    hex_add(o, "mrsigner", mrsigner, 32);
    number_add(o, "product_id", sig->isv_prod_id);
    number_add(o, "svn", sig->isv_svn);
    json_object_object_add(
        o, "debug", json_object_new_boolean(sig->attributes.flags & SGX_FLAGS_DEBUG ? 1 : 0));
    number_add(o, "attributes_flags", sig->attributes.flags);
    number_add(o, "attributes_xfrm", sig->attributes.xfrm);
    number_add(o, "memory_bytes", c->memory_size);
    number_add(o, "address_space_bytes", c->address_space);
    number_add(o, "vcpus_max", c->vcpu_max);
    hex_add(o, "image_root_hash", c->image.root_hash, 32);
    number_add(o, "image_bytes", c->image.size);
    json_object_object_add(o, "image_encrypted", json_object_new_boolean(c->image.flags & CONFIG_IMAGE_ENCRYPTED ? 1 : 0));
    json_object_object_add(o, "hostname", json_object_new_string(text_of(conf, c->hostname_off)));
    json_object_object_add(o, "workdir", json_object_new_string(text_of(conf, c->workdir_off)));
    json_object_object_add(o, "entry_points", list_of(conf, &c->entry_points));
    json_object_object_add(o, "env_set", list_of(conf, &c->env));
    json_object_object_add(o, "env_from_host", list_of(conf, &c->env_host));
    json_object_object_add(o, "mounts", mounts_of(conf));
    json_object_object_add(o, "net_publish", publish_of(conf));
    json_object_object_add(o, "net_outbound", outbound_of(conf));
    return o;
}

static void table_print(json_object *facts)
{
    json_object_object_foreach(facts, name, value)
    {
        if (!json_object_is_type(value, json_type_array)) {
            printf("%-20s %s\n", name, json_object_get_string(value));
            continue;
        }
        if (json_object_array_length(value) == 0)
            printf("%-20s none\n", name);
        for (size_t i = 0; i < json_object_array_length(value); i++)
            printf("%-20s %s\n", i ? "" : name,
                   json_object_get_string(json_object_array_get_idx(value, i)));
    }
}

static int inspect(const char *dir, bool is_json, struct error *err)
{
    struct bytes conf, sig;
    if (part_read(dir, INSTANCE_CONFIG, sizeof(struct config), &conf, err) < 0 ||
        part_read(dir, INSTANCE_SIGSTRUCT, sizeof(struct sgx_sigstruct), &sig, err) < 0)
        return -1;
    json_object *facts = facts_collect((const struct sgx_sigstruct *)sig.data, &conf);
    if (is_json)
        puts(json_object_to_json_string_ext(facts, JSON_C_TO_STRING_PRETTY |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    else
        table_print(facts);
    json_object_put(facts);
    free(conf.data);
    free(sig.data);
    return 0;
}

int cmd_inspect(int argc, char **argv)
{
    static const struct option options[] = {{"instance", required_argument, NULL, 'C'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *dir = ".";
    bool is_json = false;
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case 'C':
            dir = optarg;
            break;
        case 'j':
            is_json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return STATUS_OK;
        default:
            fputs("Try 'naos inspect --help'.\n", stderr);
            return STATUS_USER_ERROR;
        }
    }
    return inspect(dir, is_json, &err) < 0 ? cmd_fail("inspect", err.text) : STATUS_OK;
}
