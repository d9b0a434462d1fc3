/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EREPORT and EGETKEY. What goes into a key is the manual's (table 37-66 and the operation of EGETKEY); how the
 * processor mixes it is not public: here it is AES-CMAC under the machine's fuse key. A report's MAC is AES-CMAC, as
 * the manual says.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "emulator.h"

static const uint8_t cpu_svn[16] = {1};

static void cmac(const uint8_t key[static 16], const void *data, size_t size, uint8_t mac[static 16])
{
    size_t len = 16;
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "CMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(algorithm);
    char cipher[] = "AES-128-CBC";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
    EVP_MAC_init(ctx, key, 16, params);
    EVP_MAC_update(ctx, data, size);
    EVP_MAC_final(ctx, mac, &len, 16);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(algorithm);
}

/* KEYDEPENDENCIES of the manual, without what this model has not (owner epoch, seal fuses are the fuse key). */
struct key_dependencies {
    uint16_t key_name, isv_prod_id, isv_svn, key_policy;
    struct sgx_attributes attributes, attribute_mask;
    uint8_t mrenclave[32], mrsigner[32];
    uint8_t key_id[32];
    uint8_t cpu_svn[16];
    uint32_t misc_select, misc_mask;
};

static void report_key(const struct sgx_enclave *e, const uint8_t mrenclave[static 32], const struct sgx_attributes *attributes,
                       uint32_t misc_select, const uint8_t key_id[static 32], uint8_t key[static 16])
{
    struct key_dependencies d = {.key_name = SGX_KEY_REPORT, .attributes = *attributes, .misc_select = misc_select};
    memcpy(d.mrenclave, mrenclave, 32);
    memcpy(d.key_id, key_id, 32);
    memcpy(d.cpu_svn, cpu_svn, sizeof(cpu_svn));
    cmac(e->fuse_key, &d, sizeof(d), key);
}

static uint32_t seal_key(const struct sgx_enclave *e, const struct sgx_keyrequest *r, uint8_t key[static 16])
{
    struct key_dependencies d = {.key_name = SGX_KEY_SEAL, .isv_prod_id = e->secs.isv_prod_id, .isv_svn = r->isv_svn,
                                 .key_policy = r->key_policy, .misc_mask = r->misc_mask};
    if (memcmp(r->cpu_svn, cpu_svn, sizeof(cpu_svn)) > 0)
        return SGX_INVALID_CPUSVN;
    if (r->isv_svn > e->secs.isv_svn)
        return SGX_INVALID_ISVSVN;
    d.attributes.flags = e->secs.attributes.flags & (r->attribute_mask.flags | SGX_FLAGS_INIT | SGX_FLAGS_DEBUG);
    d.attributes.xfrm = e->secs.attributes.xfrm & r->attribute_mask.xfrm;
    d.attribute_mask = r->attribute_mask;
    d.misc_select = e->secs.misc_select & r->misc_mask;
    if (r->key_policy & SGX_KEYPOLICY_MRENCLAVE)
        memcpy(d.mrenclave, e->secs.mrenclave, 32);
    if (r->key_policy & SGX_KEYPOLICY_MRSIGNER)
        memcpy(d.mrsigner, e->secs.mrsigner, 32);
    memcpy(d.key_id, r->key_id, 32);
    memcpy(d.cpu_svn, r->cpu_svn, sizeof(d.cpu_svn));
    cmac(e->fuse_key, &d, sizeof(d), key);
    return SGX_SUCCESS;
}

uint32_t emu_egetkey(struct sgx_enclave *e, const struct sgx_keyrequest *request, uint8_t key[static 16])
{
    struct sgx_keyrequest r = *request;
    if (r.key_policy & ~(SGX_KEYPOLICY_MRENCLAVE | SGX_KEYPOLICY_MRSIGNER))
        return SGX_INVALID_ATTRIBUTE;
    if (r.key_name == SGX_KEY_SEAL)
        return seal_key(e, &r, key);
    if (r.key_name == SGX_KEY_REPORT) {
        report_key(e, e->secs.mrenclave, &e->secs.attributes, e->secs.misc_select, r.key_id, key);
        return SGX_SUCCESS;
    }
    bool is_known = r.key_name <= SGX_KEY_SEAL; /* provisioning and launch keys need attributes that we do not have */
    return is_known ? SGX_INVALID_ATTRIBUTE : SGX_INVALID_KEYNAME;
}

void emu_ereport(struct sgx_enclave *e, const struct sgx_targetinfo *target, const uint8_t data[static 64], struct sgx_report *report)
{
    static uint8_t key_id[32];
    struct sgx_report r = {.misc_select = e->secs.misc_select, .attributes = e->secs.attributes,
                           .isv_prod_id = e->secs.isv_prod_id, .isv_svn = e->secs.isv_svn};
    uint8_t key[16];
    memcpy(r.cpu_svn, cpu_svn, sizeof(cpu_svn));
    memcpy(r.mrenclave, e->secs.mrenclave, 32);
    memcpy(r.mrsigner, e->secs.mrsigner, 32);
    memcpy(r.report_data, data, 64);
    memcpy(r.key_id, key_id, 32);
    report_key(e, target->measurement, &target->attributes, target->misc_select, key_id, key);
    cmac(key, &r, SGX_REPORT_BODY_SIZE, r.mac);
    *report = r;
}

/* ---- the fuse key: the machine's identity, made once ---------------------------------------------------------- */

static int state_dir(char *dir, size_t size)
{
    const char *env = getenv("NAOS_EMULATOR_STATE"), *home = getenv("HOME");
    if (env)
        snprintf(dir, size, "%s", env);
    else if (geteuid() == 0)
        snprintf(dir, size, "/var/lib/naos/emulator");
    else if (home)
        snprintf(dir, size, "%s/.local/state/naos", home);
    else
        return -1;
    for (char *p = dir + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        mkdir(dir, 0755);
        *p = '/';
    }
    return mkdir(dir, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static int key_read(const char *path, uint8_t key[static 16])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, key, 16);
    if (fd >= 0)
        close(fd);
    return n == 16 ? 0 : -1;
}

/* Two processes may make it at once: the first link wins. */
static int key_make(const char *dir, const char *path)
{
    char temp[512];
    uint8_t key[16];
    snprintf(temp, sizeof(temp), "%s/.fuse-key.%d", dir, (int)getpid());
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool is_ok = RAND_bytes(key, sizeof(key)) == 1 && write(fd, key, sizeof(key)) == sizeof(key) && fsync(fd) == 0;
    close(fd);
    is_ok = is_ok && (link(temp, path) == 0 || errno == EEXIST);
    unlink(temp);
    return is_ok ? 0 : -1;
}

int emu_fuse_key_load(uint8_t key[static 16], char *why, size_t why_size)
{
    char dir[400], path[450];
    if (state_dir(dir, sizeof(dir)) == 0) {
        snprintf(path, sizeof(path), "%s/fuse-key", dir);
        if (key_read(path, key) == 0 || (key_make(dir, path) == 0 && key_read(path, key) == 0))
            return 0;
    }
    snprintf(why, why_size, "cannot keep the emulator's fuse key in %s: %s; set NAOS_EMULATOR_STATE to a directory of yours", dir, strerror(errno));
    return -1;
}
