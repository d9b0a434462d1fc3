/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as programs see them: what Linux's uapi headers leave to the C library. 64-bit layout. */
#pragma once
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <stdint.h>

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_MAX = 46 };

enum {
    SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5,
    SOCK_TYPE_MASK = 0xf,
    SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000,
};

enum { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };

#define SOMAXCONN 4096

#define SOL_IP      0
#define SOL_TCP     6
#define SOL_UDP     17
#define SOL_IPV6    41
#define SOL_NETLINK 270

#define MSG_OOB          0x1U
#define MSG_PEEK         0x2U
#define MSG_DONTROUTE    0x4U
#define MSG_CTRUNC       0x8U
#define MSG_TRUNC        0x20U
#define MSG_DONTWAIT     0x40U
#define MSG_EOR          0x80U
#define MSG_WAITALL      0x100U
#define MSG_CONFIRM      0x800U
#define MSG_ERRQUEUE     0x2000U
#define MSG_NOSIGNAL     0x4000U
#define MSG_MORE         0x8000U
#define MSG_WAITFORONE   0x10000U
#define MSG_FASTOPEN     0x20000000U
#define MSG_CMSG_CLOEXEC 0x40000000U

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_FD_MAX      253

struct linux_msghdr {
    uint64_t name;
    uint32_t name_size, pad1;
    uint64_t iov, iov_count;
    uint64_t control, control_size;
    uint32_t flags, pad2;
};

struct linux_mmsghdr {
    struct linux_msghdr hdr;
    uint32_t size, pad;
};

struct linux_cmsghdr {
    uint64_t size; /* with this header */
    int32_t level, type;
};

struct linux_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

struct linux_linger {
    int32_t is_on, seconds;
};

struct linux_sockaddr_un {
    uint16_t family;
    char path[108];
};

struct linux_in_pktinfo {
    int32_t ifindex;
    uint32_t spec_dst, addr;
};

struct linux_in6_pktinfo {
    uint8_t addr[16];
    uint32_t ifindex;
};

/* Any address; size says how much of it is there. */
struct sock_addr {
    uint32_t size;
    union {
        uint16_t family;
        struct linux_sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        uint8_t bytes[128];
    };
};

struct linux_ifreq {
    char name[16];
    union {
        struct sockaddr_in addr;
        struct { uint16_t family; uint8_t data[14]; } hwaddr;
        int32_t value;
        uint16_t flags;
        char new_name[16];
        uint8_t bytes[24];
    };
};

struct linux_ifconf {
    int32_t size, pad;
    uint64_t buf;
};

enum { IFF_UP = 1, IFF_BROADCAST = 2, IFF_LOOPBACK = 8, IFF_RUNNING = 0x40, IFF_MULTICAST = 0x1000,
       IFF_LOWER_UP = 0x10000 };
enum { ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772 };
