/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured configuration: naos.json, checked and compiled by `naos build`, laid into the enclave as its own
 * measured pages. The kernel does not parse text (DESIGN D8). Little-endian; all offsets count from the block's
 * start, and point to zero-ended strings or arrays inside it. Offset 0 means absent.
 */
#pragma once
#include <stdint.h>

#define CONFIG_MAGIC    0x464e4f4e414f534eULL
#define CONFIG_VERSION  3
#define CONFIG_SIZE_MAX (64u << 10)

enum config_mount_kind {
    CONFIG_MOUNT_MEMORY = 1,
    CONFIG_MOUNT_STORE,
    CONFIG_MOUNT_IMAGE,
    CONFIG_MOUNT_HOST,
    CONFIG_MOUNT_OVERLAY, /* root only: the image below, memory or the store above */
};
enum {
    CONFIG_MOUNT_READ_ONLY = 1,
    CONFIG_MOUNT_NOEXEC = 2,
    CONFIG_MOUNT_KEY_SIGNER = 4, /* store: its key is any enclave's of the same signer, of this SVN or a later one; else this enclave's */
    CONFIG_MOUNT_KEY_FILE = 8,   /* store, image: its key is given at start */
    CONFIG_MOUNT_COUNTED = 16,   /* store: refused if it is older than the counter that the host keeps (tests) */
};

struct config_mount {
    uint32_t kind;       /* enum config_mount_kind */
    uint32_t flags;
    uint32_t target_off; /* path inside */
    uint32_t source_off; /* name of the store or the host directory */
    uint64_t size;       /* limit in bytes; 0: none */
    uint32_t files_off, file_count; /* of a host directory: struct config_file[]; none: all files, unverified */
    uint32_t image_off;  /* of an image: struct config_image. The host's file is the next one after those of images before it */
    uint32_t reserved;
};

enum { CONFIG_IMAGE_ENCRYPTED = 1 };

/* A verified image (docs/image-format.md): what the enclave knows of the file. */
struct config_image {
    uint64_t size;       /* bytes under the hash tree: EROFS, and behind it the tags if it is encrypted; whole blocks */
    uint64_t data_size;  /* of EROFS */
    uint64_t hash_off;   /* where the hash tree starts in the file */
    uint8_t root_hash[32];
    uint8_t salt[32];    /* of the hash tree */
    uint32_t salt_size;  /* 0..32 */
    uint32_t flags;      /* CONFIG_IMAGE_* */
    uint8_t key_salt[16]; /* the image's own key comes from the key that is given and this */
};

/* A file of a host directory that may be seen, and what it must be. */
struct config_file {
    uint32_t path_off;   /* under the mount, without a slash at the beginning */
    uint8_t sha256[32];
};

struct config_strings { /* a list: count strings, one after the other */
    uint32_t off, count;
};

enum { CONFIG_DEBUG = 1 }; /* flags */

/* A port inside that the host may reach. Addresses are IPv6, or IPv4 as ::ffff:a.b.c.d; ports in host order. */
struct config_publish {
    uint8_t host_addr[16]; /* all zero: any, IPv4 and IPv6; ::ffff:0.0.0.0: any IPv4 */
    uint16_t port;         /* inside */
    uint16_t host_port;
    uint8_t protocol;      /* IPPROTO_TCP 6, IPPROTO_UDP 17 */
    uint8_t reserved[3];
};

/* Where programs may connect to, outside. An address that no entry matches is refused. */
struct config_outbound {
    uint8_t addr[16];
    uint8_t prefix;        /* 0..128: of the 16 bytes; IPv4's /n is 96 + n */
    uint8_t protocol;      /* 0: any */
    uint16_t port_first, port_last;
    uint8_t reserved[2];
};

struct config {
    uint64_t magic;
    uint32_t version;
    uint32_t size;             /* of the whole block, <= CONFIG_SIZE_MAX */
    uint32_t flags;
    uint32_t vcpu_max;         /* TCS in the enclave, 1..64 */
    uint64_t memory_size;      /* bytes, page aligned: user and kernel together */
    uint64_t address_space;    /* size of ELRANGE, a power of two */
    uint64_t stack_size;       /* soft RLIMIT_STACK of the first program */
    struct config_image image; /* of the root */
    uint32_t hostname_off;
    uint32_t workdir_off;
    uint32_t uid, gid;         /* of the first program */
    struct config_strings entry_points; /* absolute paths; one that ends in '/' allows all below it */
    struct config_strings env;          /* NAME=value, always set */
    struct config_strings env_host;     /* NAME: may come from the host; "NAME*" by prefix */
    uint32_t mounts_off, mount_count;   /* struct config_mount[] */
    uint32_t publish_off, publish_count;   /* struct config_publish[] */
    uint32_t outbound_off, outbound_count; /* struct config_outbound[] */
    uint32_t core_key_off;     /* CORE_KEY_SIZE bytes (naos/core.h) */
    uint8_t reserved[44];
};
