/* SPDX-License-Identifier: Apache-2.0 */
/* naos.json: what is refused, with which words; what is accepted, and what the compiled block then holds. */
#include <arpa/inet.h>
#include "host_test.h"
#include "image/app.h"

#define REST "\"entry_points\": [\"/bin/\"]"

static const struct {
    const char *name, *json, *error; /* NULL: accepted */
} cases[] = {
    {"minimal", "{" REST "}", NULL},
    {"empty-file", "", "line 1: the file ends too early"},
    {"not-object", "[]", "must be an object"},
    {"cut", "{\n\n\"vcpus\": {", "line 3: the file ends too early"},
    {"syntax", "{\n\"a\" 1}", "line 2:"},
    {"trailing", "{" REST "} x", "line 1:"},
    {"no-entry-points", "{}", "entry_points: is empty"},
    {"entry-relative", "{\"entry_points\": [\"bin/x\"]}",
     "entry_points: \"bin/x\" must be an absolute path"},
    {"entry-type", "{\"entry_points\": \"/bin/\"}", "entry_points: must be a list of strings"},
    {"entry-empty", "{\"entry_points\": [\"\"]}",
     "entry_points: must be a string that is not empty"},
    {"entry-null", "{\"entry_points\": [null]}",
     "entry_points: must be a string that is not empty"},
    {"unknown", "{" REST ", \"memroy\": {}}", "memroy: there is no such field"},
    {"unknown-deep", "{" REST ", \"memory\": {\"sise\": 1}}",
     "memory.sise: there is no such field"},
    {"size-number", "{" REST ", \"memory\": {\"size\": 67108864}}", NULL},
    {"size-unit", "{" REST ", \"memory\": {\"size\": \"512MiB\"}}", NULL},
    {"size-lower", "{" REST ", \"memory\": {\"size\": \"512m\"}}", NULL},
    {"size-null", "{" REST ", \"memory\": {\"size\": null}}", "memory.size: a size is"},
    {"size-true", "{" REST ", \"memory\": {\"size\": true}}", "memory.size: a size is"},
    {"size-float", "{" REST ", \"memory\": {\"size\": 1.5}}", "memory.size: a size is"},
    {"size-negative", "{" REST ", \"memory\": {\"size\": -1}}", "memory.size: a size is"},
    {"size-word", "{" REST ", \"memory\": {\"size\": \"much\"}}", "memory.size: a size is"},
    {"size-unit-wrong", "{" REST ", \"memory\": {\"size\": \"1GX\"}}", "memory.size: a size is"},
    {"size-small", "{" REST ", \"memory\": {\"size\": \"1M\"}}",
     "memory.size: 1M is out of range; it must be from 32M"},
    {"size-large", "{" REST ", \"memory\": {\"size\": \"9999999T\"}}",
     "memory.size: 9999999T is out of range"},
    {"size-overflow", "{" REST ", \"memory\": {\"size\": \"99999999999999999999\"}}",
     "memory.size: a size is"},
    {"size-shift", "{" REST ", \"memory\": {\"size\": \"18446744073709551615T\"}}",
     "memory.size: a size is"},
    {"size-of-space", "{" REST ", \"memory\": {\"size\": \"2G\", \"address_space\": \"4G\"}}",
     "at most a quarter"},
    {"space-power", "{" REST ", \"memory\": {\"address_space\": \"48G\"}}",
     "memory.address_space: must be a power of two"},
    {"vcpus-type", "{" REST ", \"vcpus\": {\"max\": \"8\"}}", "vcpus.max: must be a whole number"},
    {"vcpus-zero", "{" REST ", \"vcpus\": {\"max\": 0}}",
     "vcpus.max: 0 is out of range; it must be from 1 to 64"},
    {"vcpus-null", "{" REST ", \"vcpus\": null}", "vcpus: must be an object"},
    {"env-type", "{" REST ", \"env\": {\"set\": {\"A\": 1}}}", "env.set.A: must be a string"},
    {"env-list", "{" REST ", \"env\": {\"set\": [\"A=1\"]}}", "env.set: must be an object"},
    {"env-name", "{" REST ", \"env\": {\"set\": {\"A=B\": \"1\"}}}", "env.set: a variable's name"},
    {"env-zero", "{" REST ", \"env\": {\"set\": {\"A\": \"x\\u0000y\"}}}", "without zero"},
    {"string-zero", "{" REST ", \"hostname\": \"a\\u0000b\"}", "hostname: must not contain a zero"},
    {"hostname-long",
     "{" REST
     ", \"hostname\": \"12345678901234567890123456789012345678901234567890123456789012345\"}",
     "at most 64"},
    {"workdir", "{" REST ", \"workdir\": \"tmp\"}", "workdir: must be an absolute path"},
    {"uid", "{" REST ", \"user\": {\"uid\": 4294967295}}", "user.uid: 4294967295 is out of range"},
    {"debug", "{" REST ", \"enclave\": {\"debug\": 1}}", "enclave.debug: must be true or false"},
    {"svn", "{" REST ", \"enclave\": {\"svn\": 65536}}", "enclave.svn: 65536 is out of range"},
    {"mounts-type", "{" REST ", \"mounts\": {}}", "mounts: must be a list"},
    {"mount-kind", "{" REST ", \"mounts\": [{\"target\": \"/t\", \"type\": \"nfs\"}]}",
     "mounts[0].type: must be \"memory\""},
    {"mount-kind-null", "{" REST ", \"mounts\": [{\"target\": \"/t\", \"type\": null}]}",
     "mounts[0].type: must be \"memory\""},
    {"mount-half", "{" REST ", \"mounts\": [{\"target\": \"/t\"}]}",
     "mounts[0]: needs \"target\" and \"type\""},
    {"mount-option",
     "{" REST
     ", \"mounts\": [{\"target\": \"/t\", \"type\": \"memory\", \"options\": [\"suid\"]}]}",
     "may hold"},
    {"publish",
     "{" REST
     ", \"net\": {\"publish\": [\"80\", \"8080:81\", \"127.0.0.1:1:2/udp\", \"[::1]:3:4/tcp\"]}}",
     NULL},
    {"publish-zero", "{" REST ", \"net\": {\"publish\": [\"0\"]}}",
     "net.publish: \"0\" is not a port"},
    {"publish-large", "{" REST ", \"net\": {\"publish\": [\"65536\"]}}", "is not a port"},
    {"publish-sctp", "{" REST ", \"net\": {\"publish\": [\"80/sctp\"]}}", "is not a port"},
    {"publish-address", "{" REST ", \"net\": {\"publish\": [\"300.0.0.1:1:2\"]}}", "is not a port"},
    {"publish-twice", "{" REST ", \"net\": {\"publish\": [\"80\", \"8080:80\"]}}",
     "published already"},
    {"publish-both", "{" REST ", \"net\": {\"publish\": [\"53\", \"53/udp\"]}}", NULL},
    {"outbound-word", "{" REST ", \"net\": {\"outbound\": \"maybe\"}}",
     "net.outbound: must be \"allow\""},
    {"outbound-allow", "{" REST ", \"net\": {\"outbound\": \"allow\"}}", NULL},
    {"outbound-list",
     "{" REST ", \"net\": {\"outbound\": [\"*\", \"*:53/udp\", \"10.0.0.0/8:1-5\", "
              "\"[fe80::]/10:1\", \"::1\"]}}",
     NULL},
    {"outbound-prefix", "{" REST ", \"net\": {\"outbound\": [\"10.0.0.0/33\"]}}",
     "is not a destination"},
    {"outbound-range", "{" REST ", \"net\": {\"outbound\": [\"10.0.0.0/8:5-1\"]}}",
     "is not a destination"},
    {"dns", "{" REST ", \"net\": {\"outbound\": [\"10.0.0.0/8:53\"], \"dns\": [\"10.9.9.9\"], \"dns_search\": [\"a.org\"], "
            "\"dns_opt\": [\"use-vc\"], \"extra_hosts\": [\"db:10.0.0.5\", \"six:[::7]\"]}}", NULL},
    {"dns-outbound", "{" REST ", \"net\": {\"outbound\": [\"10.0.0.0/8:53/tcp\"], \"dns\": [\"10.9.9.9\"]}}",
     "net.dns: 10.9.9.9 cannot be asked"},
    {"dns-brackets", "{" REST ", \"net\": {\"outbound\": \"allow\", \"dns\": [\"[2001:db8::1]\"]}}",
     "is not a name server's address"},
    {"extra-hosts-form", "{" REST ", \"net\": {\"extra_hosts\": [\"10.0.0.5\"]}}", "is not a name and an address"},
    {"extra-hosts-line", "{" REST ", \"net\": {\"extra_hosts\": [\"a\\n1.2.3.4 b:10.0.0.5\"]}}", "is not a name and an address"},
    {"hostname-space", "{" REST ", \"hostname\": \"a b\"}", "hostname: must not hold spaces"},
    {"image-mount", "{" REST ", \"mounts\": [{\"target\": \"/m\", \"type\": \"image\", \"source\": \"m\"}]}", NULL},
    {"image-hash", "{" REST ", \"mounts\": [{\"target\": \"/m\", \"type\": \"image\", \"source\": \"m\", \"root_hash\": \"12\"}]}",
     "root_hash: must be the image's root hash"},
    {"image-key", "{" REST ", \"mounts\": [{\"target\": \"/m\", \"type\": \"image\", \"source\": \"m\", \"key\": \"signer\"}]}",
     "its \"key\" can be \"file\" only"},
    {"hash-elsewhere", "{" REST ", \"mounts\": [{\"target\": \"/m\", \"type\": \"memory\", \"root_hash\": \""
                       "0000000000000000000000000000000000000000000000000000000000000000\"}]}", "which only images have"},
    {"outbound-name", "{" REST ", \"net\": {\"outbound\": [\"example.org\"]}}",
     "is not a destination"},
};

static int read_text(const char *json, struct app *app, struct error *err)
{
    *err = (struct error){""};
    test_file("naos.json", json, strlen(json));
    return app_read(test_dir, app, err);
}

static void case_run(size_t i)
{
    char name[64];
    struct app app;
    struct error err;
    int result = read_text(cases[i].json, &app, &err);
    snprintf(name, sizeof(name), "config-%s", cases[i].name);
    if (!cases[i].error)
        test_result(result == 0, name, "refused: %s", err.text);
    else
        test_result(result < 0 && strncmp(err.text, "naos.json: ", 11) == 0 &&
                        strstr(err.text, cases[i].error) && !strchr(err.text, '\n'),
                    name, "status %d, \"%s\" instead of \"%s\"", result, err.text, cases[i].error);
}

static bool is_text(const struct bytes *block, uint32_t off, const char *text)
{
    return off < block->size && strncmp((char *)block->data + off, text, block->size - off) == 0;
}

static void compiled_check(const struct bytes *b)
{
    const struct config *c = (const struct config *)b->data;
    const struct config_mount *m = (const struct config_mount *)(b->data + c->mounts_off);
    const struct config_publish *p = (const struct config_publish *)(b->data + c->publish_off);
    const struct config_outbound *o = (const struct config_outbound *)(b->data + c->outbound_off);
    test_result(c->magic == CONFIG_MAGIC && c->size == b->size && c->memory_size == 64 << 20 &&
                    c->vcpu_max == 3 && c->uid == 5 && c->flags == 0 && c->image.size == 8192 &&
                    c->image.root_hash[31] == 0x77,
                "config-compiled-numbers", "a number is not as given");
    test_result(is_text(b, c->hostname_off, "box") && is_text(b, c->workdir_off, "/w") &&
                    c->entry_points.count == 2 && is_text(b, c->entry_points.off, "/a") &&
                    is_text(b, c->entry_points.off + 3, "/b/") && c->env.count == 1 &&
                    is_text(b, c->env.off, "A=x=y") && c->env_host.count == 1 &&
                    is_text(b, c->env_host.off, "LC_*"),
                "config-compiled-strings", "a string is not as given");
    test_result(c->mount_count == 1 && c->mounts_off % 8 == 0 && m->kind == CONFIG_MOUNT_MEMORY &&
                    m->size == 1 << 20 &&
                    m->flags == (CONFIG_MOUNT_READ_ONLY | CONFIG_MOUNT_NOEXEC) &&
                    is_text(b, m->target_off, "/m"),
                "config-compiled-mounts", "a mount is not as given");
    static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    test_result(c->publish_count == 2 && p[0].port == 80 && p[0].host_port == 80 &&
                    p[0].protocol == IPPROTO_TCP && p[1].port == 2 && p[1].host_port == 1 &&
                    p[1].protocol == IPPROTO_UDP && memcmp(p[1].host_addr, v4, 16) == 0,
                "config-compiled-publish", "a published port is not as given");
    test_result(c->outbound_count == 2 && o[0].prefix == 104 && o[0].addr[12] == 10 &&
                    o[0].addr[10] == 0xff && o[0].port_first == 443 && o[0].port_last == 443 &&
                    o[0].protocol == 0 && o[1].prefix == 32 && o[1].addr[0] == 0x20 &&
                    o[1].port_last == 65535,
                "config-compiled-outbound", "a destination is not as given");
}

static void compile_run(void)
{
    const char *json = "{\"memory\": {\"size\": \"64M\"}, \"vcpus\": {\"max\": 3}, "
                       "\"entry_points\": [\"/a\", \"/b/\"], \"hostname\": \"box\","
                       "\"workdir\": \"/w\", \"user\": {\"uid\": 5}, \"env\": {\"set\": {\"A\": "
                       "\"x=y\"}, \"host\": [\"LC_*\"]},"
                       "\"mounts\": [{\"target\": \"/m\", \"type\": \"memory\", \"size\": \"1M\", "
                       "\"options\": [\"ro\", \"noexec\"]}],"
                       "\"net\": {\"publish\": [\"80\", \"127.0.0.1:1:2/udp\"], \"outbound\": "
                       "[\"10.0.0.0/8:443\", \"[2001:db8::]/32\"]},"
                       "\"enclave\": {\"debug\": false}}";
    struct app app;
    struct error err;
    struct bytes block;
    struct config_image facts = {.size = 8192, .data_size = 8192, .hash_off = 8192, .root_hash = {[31] = 0x77}};
    if (!test_result(read_text(json, &app, &err) == 0 &&
                         app_compile(&app, &facts, &block, &err) == 0,
                     "config-compile", "%s", err.text))
        return;
    compiled_check(&block);
    free(block.data);
}

/* A list that does not fit into CONFIG_SIZE_MAX. */
static void overfull_run(void)
{
    struct app app;
    struct error err;
    struct bytes block;
    char *json = malloc(1 << 20), *p = json;
    p += sprintf(p, "{\"entry_points\": [\"/bin/\"");
    for (int i = 0; i < 20000; i++)
        p += sprintf(p, ", \"/path/%d\"", i);
    strcpy(p, "]}");
    bool is_ok = read_text(json, &app, &err) == 0 &&
                 app_compile(&app, &(struct config_image){0}, &block, &err) < 0;
    test_result(is_ok && strstr(err.text, "more than 64 KiB"), "config-overfull", "%s", err.text);
    free(json);
}

int main(void)
{
    test_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        case_run(i);
    compile_run();
    overfull_run();
    return test_failures > 0;
}
