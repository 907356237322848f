/* chunk: MPI calls with 64-bit sizes, and what happens if an MPI call fails. For the files of mpi/ only.
 *
 * MPI 3 counts in int. A message is cut here into chunks that an int can count. Both ends cut alike, and MPI keeps the
 * order of messages between two ranks with one tag, so a receiver needs to know no more than the size. */
#ifndef APD_MPI_TEAM_CHUNK_H
#define APD_MPI_TEAM_CHUNK_H

#include "base/heartbeat.h"

#include <mpi.h>

#include <stdbool.h>
#include <stdint.h>

/* Every MPI call goes through this macro. A failing call ends the job with the call's text and MPI's reason. During the
 * call the heartbeat says that this rank waits. */
#define APD_MPI(call) (apd_heartbeat_begin(APD_WAITS), apd_mpi_check((call), #call))
void apd_mpi_check(int code, const char *call);

/* Set the largest chunk in bytes, 1 .. 2^31-1, and return the previous one. For tests. The same on all ranks. Local. */
int apd_chunk_set_limit(int bytes);

/* `bytes` >= 0; with 0 nothing is sent. Broadcast is collective over `communicator`; send and receive block as MPI_Send
 * and MPI_Recv do. */
void apd_chunk_broadcast(void *buffer, int64_t bytes, int root, MPI_Comm communicator);
void apd_chunk_send(const void *buffer, int64_t bytes, int to, int tag, MPI_Comm communicator);
void apd_chunk_receive(void *buffer, int64_t bytes, int from, int tag, MPI_Comm communicator);

/* Messages under way. Start with {0}. */
typedef struct apd_requests {
    MPI_Request *pending; /* (capacity) */
    int count, capacity;
} apd_requests;

/* Begin a message; its buffer belongs to MPI until apd_requests_done returns true or apd_requests_wait returns. */
void apd_requests_send(apd_requests *requests, const void *buffer, int64_t bytes, int to, int tag,
                       MPI_Comm communicator);
void apd_requests_receive(apd_requests *requests, void *buffer, int64_t bytes, int from, int tag,
                          MPI_Comm communicator);

/* True if all messages are complete. Does not wait, but lets MPI make progress; cheap if there are none. */
bool apd_requests_done(apd_requests *requests);
void apd_requests_wait(apd_requests *requests);  /* Wait until all are complete. */
void apd_requests_clear(apd_requests *requests); /* Free the list; no message may be under way. */

#endif
