#include "mpi/watchdog/post.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* All ranks run the same program on processors of one kind: numbers travel as they lie in memory. */
typedef struct datagram {
    uint64_t token, number, count;
    int32_t rank;
    uint8_t activity;
    char state;
    char phase[APD_PHASE_ROOM];
    uint8_t zero[10];
} datagram;

_Static_assert(sizeof(datagram) == APD_POST_BYTES, "a datagram has no gaps and the stated size");

/* --- a beat in bytes --------------------------------------------------------------------------------- */

void apd_post_pack(uint64_t token, const apd_beat *beat, unsigned char bytes[APD_POST_BYTES]) {
    datagram d = {.token = token,
                  .number = beat->number,
                  .count = beat->count,
                  .rank = beat->rank,
                  .activity = (uint8_t)beat->activity,
                  .state = beat->state};
    memcpy(d.phase, beat->phase, sizeof d.phase);
    memcpy(bytes, &d, sizeof d);
}

/* What is printed later must be a short plain text, whoever wrote it. */
static bool is_plain(const char *text, size_t room) {
    size_t length = strnlen(text, room);
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return length < room;
}

bool apd_post_unpack(const unsigned char *bytes, int64_t count, uint64_t token, int ranks, apd_beat *beat) {
    datagram d;
    if (count != (int64_t)sizeof d)
        return false;
    memcpy(&d, bytes, sizeof d);
    if (d.token != token || d.rank < 0 || d.rank >= ranks || d.number == 0 || d.activity > APD_MAY_WAIT ||
        !is_plain(d.phase, sizeof d.phase))
        return false;
    *beat = (apd_beat){.rank = d.rank,
                       .number = d.number,
                       .count = d.count,
                       .activity = (apd_activity)d.activity,
                       .state = d.state};
    memcpy(beat->phase, d.phase, sizeof d.phase);
    return true;
}

/* --- sockets ----------------------------------------------------------------------------------------- */

static apd_status find_addresses(apd_post_card *card, apd_error *error) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return apd_fail(error, APD_ERROR_IO, "listing the network's interfaces: %s", strerror(errno));
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        struct sockaddr_in address;
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_UP) == 0 ||
            (i->ifa_flags & IFF_LOOPBACK) != 0 || card->address_count == APD_POST_ADDRESSES)
            continue;
        memcpy(&address, i->ifa_addr, sizeof address);
        card->addresses[card->address_count++] = address.sin_addr.s_addr;
    }
    freeifaddrs(all);
    return APD_OK;
}

apd_status apd_post_open(int *post, apd_post_card *card, apd_error *error) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof any;
    int room = 1 << 20; /* as many as the system gives */
    *card = (apd_post_card){.pid = (int32_t)getpid()};
    APD_TRY(find_addresses(card, error));
    int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return apd_fail(error, APD_ERROR_IO, "opening a UDP socket: %s", strerror(errno));
    (void)setsockopt(made, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(made, (const struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(made, (struct sockaddr *)&any, &length) != 0) {
        apd_status status = apd_fail(error, APD_ERROR_IO, "binding a UDP socket: %s", strerror(errno));
        (void)close(made);
        return status;
    }
    card->port = any.sin_port;
    *post = made;
    return APD_OK;
}

void apd_post_send(int post, const apd_post_card *to, bool near, uint64_t token, const apd_beat *beat) {
    unsigned char bytes[APD_POST_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = to->port};
    bool loopback = near || to->address_count == 0;
    apd_post_pack(token, beat, bytes);
    for (int i = 0; i < (loopback ? 1 : to->address_count); i++) {
        address.sin_addr.s_addr = loopback ? htonl(INADDR_LOOPBACK) : to->addresses[i];
        (void)sendto(post, bytes, sizeof bytes, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                     sizeof address);
    }
}

bool apd_post_receive(int post, uint64_t token, int ranks, apd_beat *beat) {
    unsigned char bytes[APD_POST_BYTES + 1]; /* a longer one is seen to be longer */
    for (;;) {
        ssize_t count = recv(post, bytes, sizeof bytes, 0);
        if (count < 0 && errno != EINTR && errno != ECONNREFUSED)
            return false;
        if (count >= 0 && apd_post_unpack(bytes, (int64_t)count, token, ranks, beat))
            return true;
    }
}
