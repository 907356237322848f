/* chunk: MPI calls with 64-bit sizes, and what becomes of an MPI call that fails. For the files of mpi/ only.
 *
 * MPI 3 counts in int. Here alone a message is cut in chunks that an int can count; both ends cut alike, and
 * MPI keeps chunks between two ranks with one tag in order, so a receiver needs no more than the same size.
 */
#ifndef APD_MPI_TEAM_CHUNK_H
#define APD_MPI_TEAM_CHUNK_H

#include "base/heartbeat.h"

#include <mpi.h>

#include <stdbool.h>
#include <stdint.h>

/* Every MPI call goes through this: one that fails ends the job with the call's text and MPI's own reason, and
 * while it lasts this process's pulse says that it waits. */
#define APD_MPI(call) (apd_heartbeat_begin(APD_WAITS), apd_mpi_check((call), #call))
void apd_mpi_check(int code, const char *call);

/* The largest chunk in bytes, for tests: 1 .. 2^31-1. Returns the last one. The same on all ranks. */
int apd_chunk_set_limit(int bytes);

/* `bytes` >= 0; nothing is sent when it is 0. Broadcast is collective over `communicator`. */
void apd_chunk_broadcast(void *buffer, int64_t bytes, int root, MPI_Comm communicator);
void apd_chunk_send(const void *buffer, int64_t bytes, int to, int tag, MPI_Comm communicator);
void apd_chunk_receive(void *buffer, int64_t bytes, int from, int tag, MPI_Comm communicator);

/* Messages under way. Start with {0}. */
typedef struct apd_requests {
    MPI_Request *pending; /* (capacity) */
    int count, capacity;
} apd_requests;

/* Buffers belong to MPI until apd_requests_done says true. */
void apd_requests_send(apd_requests *requests, const void *buffer, int64_t bytes, int to, int tag,
                       MPI_Comm communicator);
void apd_requests_receive(apd_requests *requests, void *buffer, int64_t bytes, int from, int tag,
                          MPI_Comm communicator);

/* Are all through? Does not wait; moves MPI forward. True, and cheap, when there are none. */
bool apd_requests_done(apd_requests *requests);
void apd_requests_wait(apd_requests *requests);  /* until they are */
void apd_requests_clear(apd_requests *requests); /* none may be under way */

#endif
