#include "io/checkpoint/sink.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define COMPACT_BYTES 32768
#define CHUNK_BYTES   (1024 * 1024)

static hsize_t even_share(int64_t count, int64_t most) {
    int64_t pieces = (count + most - 1) / most;
    return (hsize_t)((count + pieces - 1) / pieces);
}

/* Equal chunks, so that the last one is not mostly air. */
static void find_chunk(const apd_checkpoint_shape *shape, hsize_t *chunk) {
    int64_t most = CHUNK_BYTES / apd_checkpoint_element(shape);
    if (shape->rank == 2) {
        chunk[1] = even_share(shape->extents[1], most);
        most = most / (int64_t)chunk[1];
    }
    chunk[0] = even_share(shape->extents[0], most);
}

static herr_t set_storage(hid_t list, const apd_checkpoint_shape *shape) {
    hsize_t chunk[2];
    if (H5Pset_obj_track_times(list, false) < 0)
        return -1;
    if (apd_checkpoint_shape_bytes(shape) <= COMPACT_BYTES)
        return H5Pset_layout(list, H5D_COMPACT);
    if (shape->rank == 0)
        return H5Pset_layout(list, H5D_CONTIGUOUS);
    find_chunk(shape, chunk);
    if (H5Pset_chunk(list, shape->rank, chunk) < 0)
        return -1;
    return H5Pset_fletcher32(list);
}

/* Whether a data set of this shape is written in chunks of whole rows past HDF5's filters, and in which; else `*chunks` is
 * one of all rows. */
static bool goes_in_chunks(const apd_checkpoint_shape *shape, apd_h5_chunks *chunks) {
    hsize_t sizes[2] = {0, 0};
    int64_t rows = shape->rank == 0 ? 1 : shape->extents[0];
    *chunks = (apd_h5_chunks){rows, rows, apd_checkpoint_row(shape) * apd_checkpoint_element(shape)};
    /* the elements lie in memory as in the file? */
    if (shape->kind == APD_CHECKPOINT_TEXT || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || shape->rank == 0 ||
        apd_checkpoint_shape_bytes(shape) <= COMPACT_BYTES)
        return false;
    find_chunk(shape, sizes);
    if (shape->rank == 2 && (int64_t)sizes[1] != shape->extents[1])
        return false;
    chunks->chunk = (int64_t)sizes[0];
    return true;
}

static hid_t create_set(const apd_checkpoint_out *out, const char *name, const apd_checkpoint_shape *shape) {
    hid_t type = apd_checkpoint_type(shape, true), space = apd_checkpoint_space(shape);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE), set = -1;
    if (type >= 0 && space >= 0 && list >= 0 && set_storage(list, shape) >= 0)
        set = H5Dcreate2(out->id, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (list >= 0)
        (void)H5Pclose(list);
    if (space >= 0)
        (void)H5Sclose(space);
    if (type >= 0)
        (void)H5Tclose(type);
    return set;
}

static bool write_all(hid_t set, const apd_checkpoint_shape *shape, const void *bytes) {
    if (apd_checkpoint_shape_bytes(shape) == 0)
        return true;
    hid_t memory = apd_checkpoint_type(shape, false);
    bool good = H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
    (void)H5Tclose(memory);
    return good;
}

void apd_checkpoint_sink_begin(const apd_checkpoint_out *out, const char *name,
                               const apd_checkpoint_shape *shape, apd_checkpoint_sink *sink) {
    *sink = (apd_checkpoint_sink){.name = name, .shape = *shape, .set = -1, .good = true};
    sink->in_chunks = goes_in_chunks(shape, &sink->chunks);
    if (sink->in_chunks) {
        sink->set = create_set(out, name, shape);
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

apd_status apd_checkpoint_put_data(apd_checkpoint_out *out, const char *name,
                                   const apd_checkpoint_shape *shape, const void *bytes, apd_error *error) {
    apd_h5_chunks chunks;
    if (goes_in_chunks(shape, &chunks)) {
        apd_checkpoint_sink sink;
        apd_checkpoint_sink_begin(out, name, shape, &sink);
        apd_checkpoint_sink_append(&sink, chunks.rows, bytes);
        return apd_checkpoint_sink_end(out, &sink, error);
    }
    hid_t set = create_set(out, name, shape);
    bool good = set >= 0 && write_all(set, shape, bytes);
    apd_status status = apd_checkpoint_put_check(out, good, name, error);
    if (set >= 0 && H5Dclose(set) < 0)
        status = apd_checkpoint_put_check(out, false, name, error);
    uint64_t digest = apd_checkpoint_digest_of(bytes, (size_t)apd_checkpoint_shape_bytes(shape));
    out->digest = apd_checkpoint_fold(out->digest, name, shape, digest);
    return status;
}
