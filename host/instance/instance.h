/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A built instance: what `naos build` left in INSTANCE/build, and running it. The files are the host's: the enclave checks
 * each of them by its measurement, its signature or the image's root hash.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "store/image_keys.h"

#define INSTANCE_BUILD     "build"
#define INSTANCE_IMAGE     "build/image.naos"
#define INSTANCE_CONFIG    "build/enclave.conf"
#define INSTANCE_SIGSTRUCT "build/enclave.sig"
#define INSTANCE_KERNEL    "build/kernel.elf"
#define INSTANCE_STORES    "stores"

struct serve;

/* A program to be run inside. */
struct instance_start {
    char *const *argv;        /* the program and its arguments, NULL-ended; none: pid 1 only reaps */
    const char *const *env;   /* NAME=value for it, env_count of them, beside what env.host lets through by itself */
    size_t env_count;
    const char *workdir;      /* inside; NULL: the configuration's */
};

struct instance_run {
    const char *dir;          /* of the instance */
    char *const *argv;        /* as in struct instance_start, and so are these: */
    const char *const *env;
    size_t env_count;
    const char *workdir;
    unsigned log_level;       /* 0..4 */
    unsigned vcpus;           /* 0: one for each processor, up to the configuration's maximum */
    bool trace_syscalls, print_stats;
    const char *core_dir;     /* where programs that crash leave core files; NULL: nowhere */
    /* Called before the enclave is entered, with its server ready for requests. May be NULL. */
    int (*prepare)(void *context, struct serve *serve, struct error *err);
    void *context;
    const uint8_t *store_key; /* 32 bytes, or NULL */
    struct image_keys image_keys;
};

/* Loads the enclave and runs the program in it: its exit status, or -1 with err set. Once in a process. */
int instance_run(const struct instance_run *run, struct error *err);

/* A file of the instance; the caller frees its data. */
int instance_file(const char *dir, const char *name, struct bytes *b, struct error *err);
struct config;
/* The compiled configuration, its head checked. */
int instance_config(const char *dir, struct bytes *b, struct error *err);
/* What naos/start.h lays down, with the variables of env.host. The caller frees its data. */
int instance_start_block(const struct instance_start *start, const struct config *config, struct bytes *block, struct error *err);
/* The variables of `extra`, and those of this process that the configuration lists in env.host. NULL: no memory. */
char **instance_env(const struct config *config, const char *const *extra, size_t extra_count, size_t *count);
