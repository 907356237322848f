/* watch_post: beats from rank to rank by UDP, beside MPI: they must arrive while MPI waits. For the files of
 * mpi/ only.
 *
 * A datagram is small, needs no connection, blocks nobody, and one that is lost is made up for by the next. It
 * carries the run's token, a random number that came by MPI, so that strangers' datagrams are not taken. */
#ifndef APD_MPI_WATCHDOG_POST_H
#define APD_MPI_WATCHDOG_POST_H

#include "base/status.h"
#include "mpi/watchdog/table.h"

#define APD_POST_ADDRESSES 8
#define APD_POST_BYTES     64

/* Where a process is: all its host's IPv4 addresses, the loopback's left out. */
typedef struct apd_post_card {
    char host[64];
    int32_t pid;
    int32_t address_count;
    uint32_t addresses[APD_POST_ADDRESSES]; /* network order */
    uint16_t port;                          /* network order */
} apd_post_card;

/* An open socket in `*post`, to be closed by close(), and this process's card but for the host's name. Status:
 * IO with what the system said; nothing is open then. */
apd_status apd_post_open(int *post, apd_post_card *card, apd_error *error);

/* Send to all addresses of a card, or, `near`, to the loopback's. Does not wait; what cannot be sent is lost. */
void apd_post_send(int post, const apd_post_card *to, bool near, uint64_t token, const apd_beat *beat);

/* The next beat that has come, of the right token and of a rank below `ranks`; false when there is none. Does
 * not wait. */
bool apd_post_receive(int post, uint64_t token, int ranks, apd_beat *beat);

/* A beat as it travels, and back; false when `bytes` is not a beat of this token. */
void apd_post_pack(uint64_t token, const apd_beat *beat, unsigned char bytes[APD_POST_BYTES]);
bool apd_post_unpack(const unsigned char *bytes, int64_t count, uint64_t token, int ranks, apd_beat *beat);

#endif
