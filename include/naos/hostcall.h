/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes at the border. A vCPU has one frame and one bounce buffer in host memory. The kernel fills in the
 * request, leaves, and comes back to the reply; it reads each word of it once. Numbers: naos/hostcall_gen.h.
 */
#pragma once
#include <stdint.h>

#define HOSTCALL_ARGS   4
#define HOSTCALL_BUFFER_SIZE (1u << 20)

struct hostcall_frame {
    uint32_t nr;
    uint32_t reserved;
    uint64_t args[HOSTCALL_ARGS];
    uint64_t in_size;  /* bytes of the buffer that hold the request's data */
    uint64_t out_size; /* bytes that the reply's data may take */
    int64_t result;    /* the reply: >= 0, or -errno */
    uint64_t buffer;   /* address of the bounce buffer; set by the host at first entry, then never read again */
    /* Words that the enclave shows while it runs, so that the host can help the scheduler. Hints, not secrets. */
    uint32_t queued;   /* tasks that wait on this vCPU: the ticker interrupts it, or wakes an idle one */
    uint32_t is_idle;
    int64_t next_timer_ns; /* vCPU 0's is for all: monotonic; the ticker interrupts at this time */
};

/* The action of mem_map; its ranges are struct plat_range[]. */
enum hostcall_mem_action {
    HOSTCALL_MEM_COMMIT = 1, /* zero pages appear */
    HOSTCALL_MEM_PROTECT,    /* with bit 3 of prot: EMODPR too, which the enclave checks by EACCEPT */
    HOSTCALL_MEM_RELEASE,    /* they go away */
};

/* What `wait` brings, in its events buffer. */
enum hostcall_event_kind {
    HOSTCALL_EVENT_READY = 1, /* id: descriptor, value: EPOLL bits */
    HOSTCALL_EVENT_SIGNAL,    /* id: signal number that the host process was sent: INT TERM HUP QUIT WINCH TSTP CONT USR1 USR2 */
    HOSTCALL_EVENT_REQUEST,   /* request_take has something */
};
#define HOSTCALL_SIGNAL_FOR_GROUP 1 /* value of a signal: the host's terminal sent it, to all processes of a group */
struct hostcall_event {
    uint32_t kind;
    uint32_t id;
    uint64_t value;
};

/* An address of a host socket: IPv4 as ::ffff:a.b.c.d. */
struct hostcall_addr {
    uint8_t ip[16];
    uint16_t port; /* host byte order */
    uint16_t reserved;
    uint32_t scope; /* interface of a link-local address */
};

struct hostcall_accepted { /* the reply of sock_accept */
    uint32_t fd;
    uint32_t reserved;
    struct hostcall_addr peer;
};

/* What sock_send takes before a datagram that has an address, and sock_recv brings before each datagram. */
struct hostcall_datagram {
    struct hostcall_addr addr;
    uint32_t reserved[2];
};

enum hostcall_sock_type { HOSTCALL_SOCK_STREAM = 1, HOSTCALL_SOCK_DATAGRAM = 2 };

enum hostcall_sock_option {
    HOSTCALL_SOCK_ERROR, /* get only: a connection's outcome, an errno */
    HOSTCALL_SOCK_NODELAY,
    HOSTCALL_SOCK_CORK,
    HOSTCALL_SOCK_KEEPALIVE,
    HOSTCALL_SOCK_KEEPIDLE,
    HOSTCALL_SOCK_KEEPINTVL,
    HOSTCALL_SOCK_KEEPCNT,
    HOSTCALL_SOCK_USER_TIMEOUT,
    HOSTCALL_SOCK_LINGER, /* seconds; -1: off */
    HOSTCALL_SOCK_SNDBUF,
    HOSTCALL_SOCK_RCVBUF,
    HOSTCALL_SOCK_TTL,
    HOSTCALL_SOCK_TOS,
    HOSTCALL_SOCK_BROADCAST,
    HOSTCALL_SOCK_REUSEPORT,
    HOSTCALL_SOCK_V6ONLY,
    HOSTCALL_SOCK_OPTION_COUNT,
};

/* The reply of store_open. */
struct hostcall_store {
    uint64_t addr;       /* where the file is mapped: max_size bytes, of which `size` are there */
    uint64_t size;
    uint64_t counter;    /* of the counter file; 0: none was asked for */
    uint32_t id;
    uint32_t has_key;
    uint32_t has_counter;
    uint32_t done_fd;    /* becomes readable, again, when a sync that was begun is done; 65536 or more: they cannot be begun */
    uint8_t key[32];     /* from `naos run --store-key`: for stores that are opened with a key file */
    uint8_t reserved2[24];
};

enum hostcall_store_sync {
    HOSTCALL_SYNC_NOW,    /* returns when it is done */
    HOSTCALL_SYNC_BEGIN,  /* returns a ticket at once */
    HOSTCALL_SYNC_RESULT, /* of a ticket: 0, or -EAGAIN while it is not done */
};

/* Files of the host. */
enum {
    HOSTCALL_FILE_READ = 1,
    HOSTCALL_FILE_WRITE = 2,
    HOSTCALL_FILE_CREATE = 4, /* and it must not be there */
    HOSTCALL_FILE_ROOT = 8,   /* the name is a directory's path on the host, as naos.json has it */
    /* neither read nor write: only to be asked about, and as a directory to open in */
};

enum hostcall_file_part {
    HOSTCALL_FILE_STAT,
    HOSTCALL_FILE_DATA,
    HOSTCALL_FILE_LINK,
    HOSTCALL_FILE_ENTRIES, /* struct hostcall_file_entry and its name, one after the other; offset: of the last one's `next` */
    HOSTCALL_FILE_ATTR,
    HOSTCALL_FILE_SYNC,
};

enum hostcall_file_change {
    HOSTCALL_FILE_MKDIR,
    HOSTCALL_FILE_SYMLINK, /* the second name is the target */
    HOSTCALL_FILE_LINK_TO,
    HOSTCALL_FILE_UNLINK,
    HOSTCALL_FILE_RMDIR,
    HOSTCALL_FILE_RENAME, /* mode: RENAME_NOREPLACE, RENAME_EXCHANGE */
};

struct hostcall_file_stat {
    uint64_t dev, ino, size, blocks;
    int64_t atime, mtime, ctime; /* ns since 1970 */
    uint32_t mode, nlink, uid, gid;
};

struct hostcall_file_attr {
    uint32_t valid; /* 1 mode, 2 uid, 4 gid, 8 size, 16 atime, 32 mtime */
    uint32_t mode, uid, gid;
    uint64_t size;
    int64_t atime, mtime;
};

struct hostcall_file_entry {
    uint64_t ino, next;
    uint16_t name_size;
    uint8_t type; /* DT_* */
    uint8_t reserved[5];
};
