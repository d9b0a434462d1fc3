/* SPDX-License-Identifier: Apache-2.0 */
/* What programs find out about interfaces: netlink, getifaddrs(3), ioctl. */
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include "net.h"

struct request {
    struct nlmsghdr hdr;
    struct rtgenmsg body;
};

static void request_send(int fd, uint16_t type, uint16_t flags)
{
    struct request r = {.hdr = {NLMSG_LENGTH(sizeof(r.body)), type, flags, 77, 0}, .body = {AF_UNSPEC}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    CHECK(sendto(fd, &r, r.hdr.nlmsg_len, 0, ADDR(&kernel), sizeof(kernel)) == (ssize_t)r.hdr.nlmsg_len);
}

/* How many of `type` before the end. */
static int dump_count(int fd, uint16_t type)
{
    static char buf[65536];
    struct sockaddr_nl from;
    socklen_t size = sizeof(from);
    int count = 0;
    for (;;) {
        ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, ADDR(&from), &size);
        CHECK(n > 0 && size == sizeof(from) && from.nl_pid == 0);
        for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            CHECK(h->nlmsg_seq == 77);
            if (h->nlmsg_type == NLMSG_DONE)
                return count;
            count += h->nlmsg_type == type;
        }
    }
}

static void dumps(void)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, name;
    socklen_t size = sizeof(name);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    CHECK(fd >= 0 && bind(fd, ADDR(&a), sizeof(a)) == 0);
    CHECK(getsockname(fd, ADDR(&name), &size) == 0 && name.nl_family == AF_NETLINK && name.nl_pid != 0);
    request_send(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
    CHECK(dump_count(fd, RTM_NEWLINK) >= 1);
    request_send(fd, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
    CHECK(dump_count(fd, RTM_NEWADDR) >= 1);
    int other = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); /* gets a number of its own */
    struct sockaddr_nl second;
    CHECK(bind(other, ADDR(&a), sizeof(a)) == 0 && getsockname(other, ADDR(&second), &size) == 0 && second.nl_pid != name.nl_pid);
    close(other);
    close(fd);
}

static void wrong_requests(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    struct { struct nlmsghdr hdr; struct ifinfomsg info; } r = {{sizeof(r), RTM_GETLINK, NLM_F_REQUEST, 5, 0}, {.ifi_index = 9999}};
    struct { struct nlmsghdr hdr; struct nlmsgerr err; char rest[512]; } reply;
    CHECK(send(fd, &r, sizeof(r), 0) == sizeof(r));
    CHECK(recv(fd, &reply, sizeof(reply), 0) > 0 && reply.hdr.nlmsg_type == NLMSG_ERROR && reply.err.error == -ENODEV);
    r.info.ifi_index = 1;
    CHECK(send(fd, &r, sizeof(r), 0) == sizeof(r));
    CHECK(recv(fd, &reply, sizeof(reply), 0) > 0 && reply.hdr.nlmsg_type == RTM_NEWLINK && reply.hdr.nlmsg_seq == 5);
    CHECK_ERRNO(recv(fd, &reply, sizeof(reply), MSG_DONTWAIT), EAGAIN);
    struct sockaddr_nl wrong = {.nl_family = AF_INET};
    CHECK_ERRNO(bind(fd, ADDR(&wrong), sizeof(wrong)), EINVAL);
    CHECK_ERRNO(bind(fd, ADDR(&wrong), 4), EINVAL);
    close(fd);
    CHECK_ERRNO(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
    CHECK_ERRNO(socket(AF_NETLINK, SOCK_RAW, 99), EPROTONOSUPPORT);
}

static void library(void)
{
    struct ifaddrs *list, *i;
    int loopbacks = 0;
    CHECK(getifaddrs(&list) == 0);
    for (i = list; i; i = i->ifa_next) {
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_LOOPBACK)) {
            struct sockaddr_in *a = (void *)i->ifa_addr, *mask = (void *)i->ifa_netmask;
            CHECK(ntohl(a->sin_addr.s_addr) >> 24 == 127 && ntohl(mask->sin_addr.s_addr) == 0xff000000);
            loopbacks++;
        }
    }
    freeifaddrs(list);
    CHECK(loopbacks >= 1);
    CHECK(if_nametoindex("lo") == 1);
    char name[IF_NAMESIZE];
    CHECK(if_indextoname(1, name) && strcmp(name, "lo") == 0);
    CHECK(if_nametoindex("none") == 0 && errno == ENODEV);
}

static void ioctls(void)
{
    struct ifreq r = {.ifr_name = "lo"}, all[32];
    struct ifconf conf = {.ifc_len = sizeof(all), .ifc_req = all};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & (IFF_UP | IFF_LOOPBACK)) == (IFF_UP | IFF_LOOPBACK));
    CHECK(ioctl(fd, SIOCGIFADDR, &r) == 0 && ((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(ioctl(fd, SIOCGIFNETMASK, &r) == 0 && ((struct sockaddr_in *)&r.ifr_netmask)->sin_addr.s_addr == htonl(0xff000000));
    CHECK(ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 65536);
    CHECK(ioctl(fd, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == 772 /* ARPHRD_LOOPBACK */);
    strcpy(r.ifr_name, "none");
    CHECK_ERRNO(ioctl(fd, SIOCGIFFLAGS, &r), ENODEV);
    CHECK(ioctl(fd, SIOCGIFCONF, &conf) == 0 && conf.ifc_len >= (int)sizeof(r) && conf.ifc_len % sizeof(r) == 0);
    CHECK_ERRNO(ioctl(fd, SIOCGIFCONF, (void *)8), EFAULT);
    close(fd);
}

int main(void)
{
    dumps();
    wrong_requests();
    library();
    ioctls();
    return 0;
}
