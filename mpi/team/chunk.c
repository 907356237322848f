#include "mpi/team/chunk.h"

#include "base/memory.h"
#include "base/status.h"

#include <limits.h>
#include <stdlib.h>

static int chunk_limit = 1 << 30;

void apd_mpi_check(int code, const char *call) {
    apd_heartbeat_end();
    if (code == MPI_SUCCESS)
        return;
    char reason[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    (void)MPI_Error_string(code, reason, &length);
    apd_fatal(APD_ERROR_INTERNAL, "%s failed: %s", call, reason);
}

int apd_chunk_set_limit(int bytes) {
    APD_ASSERT(bytes >= 1);
    int last = chunk_limit;
    chunk_limit = bytes;
    return last;
}

static int next_chunk(int64_t bytes) {
    return bytes < chunk_limit ? (int)bytes : chunk_limit;
}

void apd_chunk_broadcast(void *buffer, int64_t bytes, int root, MPI_Comm communicator) {
    char *at = buffer;
    for (int chunk; bytes > 0; at += chunk, bytes -= chunk) {
        chunk = next_chunk(bytes);
        APD_MPI(MPI_Bcast(at, chunk, MPI_BYTE, root, communicator));
    }
}

void apd_chunk_send(const void *buffer, int64_t bytes, int to, int tag, MPI_Comm communicator) {
    const char *at = buffer;
    for (int chunk; bytes > 0; at += chunk, bytes -= chunk) {
        chunk = next_chunk(bytes);
        APD_MPI(MPI_Send(at, chunk, MPI_BYTE, to, tag, communicator));
    }
}

void apd_chunk_receive(void *buffer, int64_t bytes, int from, int tag, MPI_Comm communicator) {
    char *at = buffer;
    for (int chunk; bytes > 0; at += chunk, bytes -= chunk) {
        chunk = next_chunk(bytes);
        APD_MPI(MPI_Recv(at, chunk, MPI_BYTE, from, tag, communicator, MPI_STATUS_IGNORE));
    }
}

static MPI_Request *next_request(apd_requests *requests) {
    if (requests->count == requests->capacity) {
        APD_ASSERT(requests->capacity <= INT_MAX / 2 - 8);
        int capacity = 2 * requests->capacity + 8;
        MPI_Request *grown = apd_reallocate(requests->pending, requests->capacity, capacity,
                                            sizeof *requests->pending, "messages under way");
        requests->pending = grown;
        requests->capacity = capacity;
    }
    return &requests->pending[requests->count++];
}

void apd_requests_send(apd_requests *requests, const void *buffer, int64_t bytes, int to, int tag,
                       MPI_Comm communicator) {
    const char *at = buffer;
    for (int chunk; bytes > 0; at += chunk, bytes -= chunk) {
        chunk = next_chunk(bytes);
        APD_MPI(MPI_Isend(at, chunk, MPI_BYTE, to, tag, communicator, next_request(requests)));
    }
}

void apd_requests_receive(apd_requests *requests, void *buffer, int64_t bytes, int from, int tag,
                          MPI_Comm communicator) {
    char *at = buffer;
    for (int chunk; bytes > 0; at += chunk, bytes -= chunk) {
        chunk = next_chunk(bytes);
        APD_MPI(MPI_Irecv(at, chunk, MPI_BYTE, from, tag, communicator, next_request(requests)));
    }
}

bool apd_requests_done(apd_requests *requests) {
    if (requests->count == 0)
        return true;
    int done = 0;
    APD_MPI(MPI_Testall(requests->count, requests->pending, &done, MPI_STATUSES_IGNORE));
    if (done)
        requests->count = 0;
    return done != 0;
}

void apd_requests_wait(apd_requests *requests) {
    if (requests->count > 0)
        APD_MPI(MPI_Waitall(requests->count, requests->pending, MPI_STATUSES_IGNORE));
    requests->count = 0;
}

void apd_requests_clear(apd_requests *requests) {
    APD_ASSERT(requests->count == 0);
    free(requests->pending);
    *requests = (apd_requests){0};
}
