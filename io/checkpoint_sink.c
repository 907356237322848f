#include "io/checkpoint_sink.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void apd_checkpoint_sink_begin(const apd_checkpoint_out *out, const char *name,
                               const apd_checkpoint_shape *shape, apd_checkpoint_sink *sink) {
    *sink = (apd_checkpoint_sink){.name = name, .shape = *shape, .set = -1, .good = true};
    sink->in_chunks = apd_checkpoint_put_in_chunks(shape, &sink->chunks);
    if (sink->in_chunks) {
        sink->set = apd_checkpoint_put_create(out, name, shape);
        sink->good = sink->set >= 0;
    }
    sink->piece = apd_allocate_bytes(apd_h5_chunk_bytes(&sink->chunks), name);
}

static void flush(apd_checkpoint_sink *sink, int64_t rows) {
    sink->good =
        sink->good && apd_h5_chunk_write(sink->set, &sink->chunks, sink->row - rows, rows, sink->piece);
}

void apd_checkpoint_sink_append(apd_checkpoint_sink *sink, int64_t rows, const void *bytes) {
    const apd_h5_chunks *chunks = &sink->chunks;
    const unsigned char *next = bytes;
    APD_ASSERT(sink->row + rows <= chunks->rows);
    while (rows > 0) {
        int64_t filled = sink->row % chunks->chunk;
        int64_t take = chunks->chunk - filled < rows ? chunks->chunk - filled : rows;
        size_t size = (size_t)(take * chunks->row_bytes);
        unsigned char *into = sink->piece + filled * chunks->row_bytes;
        memcpy(into, next, size);
        if (sink->in_chunks)
            apd_checkpoint_digest_add(&sink->digest, into, size);
        sink->row += take;
        if (sink->in_chunks && filled + take == chunks->chunk)
            flush(sink, chunks->chunk);
        next += size;
        rows -= take;
    }
}

static apd_status end_chunks(apd_checkpoint_out *out, apd_checkpoint_sink *sink, apd_error *error) {
    int64_t left = sink->row % sink->chunks.chunk;
    if (left > 0)
        flush(sink, left);
    if (sink->set >= 0)
        sink->good = H5Dclose(sink->set) >= 0 && sink->good;
    sink->set = -1;
    uint64_t digest = apd_checkpoint_digest_end(&sink->digest);
    out->digest = apd_checkpoint_fold(out->digest, sink->name, &sink->shape, digest);
    return apd_checkpoint_put_check(out, sink->good, sink->name, error);
}

apd_status apd_checkpoint_sink_end(apd_checkpoint_out *out, apd_checkpoint_sink *sink, apd_error *error) {
    APD_ASSERT(sink->row == sink->chunks.rows);
    apd_status status = sink->in_chunks
                            ? end_chunks(out, sink, error)
                            : apd_checkpoint_put_data(out, sink->name, &sink->shape, sink->piece, error);
    apd_checkpoint_sink_abandon(sink);
    return status;
}

void apd_checkpoint_sink_abandon(apd_checkpoint_sink *sink) {
    if (sink->name == NULL)
        return;
    if (sink->set >= 0)
        (void)H5Dclose(sink->set);
    (void)apd_checkpoint_digest_end(&sink->digest);
    free(sink->piece);
    *sink = (apd_checkpoint_sink){0};
}
