#include "io/checkpoint_put.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPACT_BYTES 4096
#define CHUNK_BYTES   (256 * 1024)

apd_status apd_checkpoint_put_check(const apd_checkpoint_out *out, bool good, const char *name,
                                    apd_error *error) {
    const char *between = strcmp(out->name, "/") == 0 ? "" : "/";
    if (out->fault->number != 0)
        return apd_fail(error, APD_ERROR_IO, "%s: cannot write %s%s%s: %s", out->path, out->name, between,
                        name, strerror(out->fault->number));
    if (good)
        return APD_OK;
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, APD_ERROR_INTERNAL, "%s: cannot write %s%s%s (HDF5: %s)", out->path, out->name,
                    between, name, reason);
}

static hid_t create_group(hid_t place, const char *name) {
    hid_t list = H5Pcreate(H5P_GROUP_CREATE), made = -1;
    if (list >= 0 && H5Pset_obj_track_times(list, false) >= 0)
        made = H5Gcreate2(place, name, H5P_DEFAULT, list, H5P_DEFAULT);
    if (list >= 0)
        (void)H5Pclose(list);
    return made;
}

apd_status apd_checkpoint_put_folder(const apd_checkpoint_out *out, const char *name, apd_error *error) {
    hid_t made = create_group(out->id, name);
    bool good = made >= 0 && H5Gclose(made) >= 0;
    return apd_checkpoint_put_check(out, good, name, error);
}

apd_status apd_checkpoint_put_parents(const apd_checkpoint_out *root, const char *name, apd_error *error) {
    char part[sizeof root->name];
    for (const char *slash = strchr(name + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - name - 1), name + 1);
        if (H5Lexists(root->id, part, H5P_DEFAULT) <= 0)
            APD_TRY(apd_checkpoint_put_folder(root, part, error));
    }
    return APD_OK;
}

apd_status apd_checkpoint_put_open(const apd_checkpoint_out *root, const char *name, apd_checkpoint_out *out,
                                   apd_error *error) {
    *out = *root;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->digest = apd_digest(name, strlen(name));
    out->id = create_group(root->id, name);
    return apd_checkpoint_put_check(root, out->id >= 0, name + 1, error);
}

apd_status apd_checkpoint_put_close(apd_checkpoint_out *out, apd_error *error) {
    uint64_t digest = out->digest;
    apd_checkpoint_shape shape = apd_checkpoint_scalar(APD_CHECKPOINT_UINT64);
    apd_status status = apd_checkpoint_put_attribute(out, "digest", &shape, &digest, error);
    out->digest = digest;
    apd_checkpoint_put_abandon(out);
    return status;
}

void apd_checkpoint_put_abandon(apd_checkpoint_out *out) {
    if (out->id >= 0)
        (void)H5Gclose(out->id);
    out->id = -1;
}

static hid_t make_space(const apd_checkpoint_shape *shape) {
    hsize_t extents[2] = {(hsize_t)shape->extents[0], (hsize_t)shape->extents[1]};
    return shape->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(shape->rank, extents, NULL);
}

static int64_t shape_items(const apd_checkpoint_shape *shape) {
    return (shape->rank == 0 ? 1 : shape->extents[0]) * apd_checkpoint_row(shape);
}

apd_status apd_checkpoint_put_attribute(apd_checkpoint_out *out, const char *name,
                                        const apd_checkpoint_shape *shape, const void *value,
                                        apd_error *error) {
    hid_t type = apd_checkpoint_type(shape, true), memory = apd_checkpoint_type(shape, false);
    hid_t space = make_space(shape), made = -1;
    if (type >= 0 && memory >= 0 && space >= 0)
        made = H5Acreate2(out->id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = made >= 0 && H5Awrite(made, memory, value) >= 0;
    apd_status status = apd_checkpoint_put_check(out, good, name, error);
    if (made >= 0)
        (void)H5Aclose(made);
    if (space >= 0)
        (void)H5Sclose(space);
    if (memory >= 0)
        (void)H5Tclose(memory);
    if (type >= 0)
        (void)H5Tclose(type);
    size_t bytes = (size_t)(shape_items(shape) * apd_checkpoint_element(shape));
    out->digest = apd_checkpoint_fold(out->digest, name, shape, apd_digest(value, bytes));
    return status;
}

apd_status apd_checkpoint_put_fields(apd_checkpoint_out *out, const apd_checkpoint_field *fields, int count,
                                     const void *from, apd_error *error) {
    for (int f = 0; f < count; f++) {
        apd_checkpoint_shape shape = {.kind = fields[f].kind, .text = fields[f].text};
        const void *value = (const char *)from + fields[f].offset;
        APD_TRY(apd_checkpoint_put_attribute(out, fields[f].name, &shape, value, error));
    }
    return APD_OK;
}

static hsize_t even_share(int64_t count, int64_t most) {
    int64_t pieces = (count + most - 1) / most;
    return (hsize_t)((count + pieces - 1) / pieces);
}

/* Equal chunks, so that the last one is not mostly air. */
static herr_t set_chunks(hid_t list, const apd_checkpoint_shape *shape) {
    int64_t most = CHUNK_BYTES / apd_checkpoint_element(shape);
    hsize_t chunk[2];
    if (shape->rank == 2) {
        chunk[1] = even_share(shape->extents[1], most);
        most = most / (int64_t)chunk[1];
    }
    chunk[0] = even_share(shape->extents[0], most);
    return H5Pset_chunk(list, shape->rank, chunk);
}

static herr_t set_storage(hid_t list, const apd_checkpoint_shape *shape) {
    int64_t bytes = shape_items(shape) * apd_checkpoint_element(shape);
    if (H5Pset_obj_track_times(list, false) < 0)
        return -1;
    if (bytes <= COMPACT_BYTES)
        return H5Pset_layout(list, H5D_COMPACT);
    if (shape->rank == 0)
        return H5Pset_layout(list, H5D_CONTIGUOUS);
    if (set_chunks(list, shape) < 0)
        return -1;
    bool integers = shape->kind == APD_CHECKPOINT_INT32 || shape->kind == APD_CHECKPOINT_INT64;
    if (integers && (H5Pset_shuffle(list) < 0 || H5Pset_deflate(list, 1) < 0))
        return -1;
    return H5Pset_fletcher32(list);
}

apd_status apd_checkpoint_sink_begin(const apd_checkpoint_out *out, const char *name,
                                     const apd_checkpoint_shape *shape, apd_checkpoint_sink *sink,
                                     apd_error *error) {
    hid_t type = apd_checkpoint_type(shape, true), space = make_space(shape);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    sink->id = -1;
    if (type >= 0 && space >= 0 && list >= 0 && set_storage(list, shape) >= 0)
        sink->id = H5Dcreate2(out->id, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    apd_status status = apd_checkpoint_put_check(out, sink->id >= 0, name, error);
    if (list >= 0)
        (void)H5Pclose(list);
    if (space >= 0)
        (void)H5Sclose(space);
    if (type >= 0)
        (void)H5Tclose(type);
    sink->name = name;
    sink->shape = *shape;
    sink->row = 0;
    sink->bytes.sequence = 0;
    sink->bytes.fill = 0;
    return status;
}

apd_status apd_checkpoint_sink_append(const apd_checkpoint_out *out, apd_checkpoint_sink *sink, int64_t rows,
                                      const void *bytes, apd_error *error) {
    int64_t items = rows * apd_checkpoint_row(&sink->shape);
    if (items == 0)
        return APD_OK;
    hid_t memory = apd_checkpoint_type(&sink->shape, false);
    apd_status status;
    if (sink->shape.rank > 0)
        status = apd_h5_rows_write(sink->id, sink->row, rows, memory, bytes, NULL);
    else
        status = H5Dwrite(sink->id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0 ? APD_ERROR_INTERNAL
                                                                                      : APD_OK;
    status = apd_checkpoint_put_check(out, status == APD_OK, sink->name, error);
    (void)H5Tclose(memory);
    sink->row += rows;
    apd_checkpoint_digest_add(&sink->bytes, bytes, (size_t)(items * apd_checkpoint_element(&sink->shape)));
    return status;
}

apd_status apd_checkpoint_sink_end(apd_checkpoint_out *out, apd_checkpoint_sink *sink, apd_error *error) {
    APD_ASSERT(sink->row == (sink->shape.rank == 0 ? 1 : sink->shape.extents[0]));
    out->digest =
        apd_checkpoint_fold(out->digest, sink->name, &sink->shape, apd_checkpoint_digest_end(&sink->bytes));
    herr_t closed = H5Dclose(sink->id);
    sink->id = -1;
    return apd_checkpoint_put_check(out, closed >= 0, sink->name, error);
}

void apd_checkpoint_sink_abandon(apd_checkpoint_sink *sink) {
    if (sink->id >= 0)
        (void)H5Dclose(sink->id);
    sink->id = -1;
}

apd_status apd_checkpoint_put_data(apd_checkpoint_out *out, const char *name,
                                   const apd_checkpoint_shape *shape, const void *bytes, apd_error *error) {
    apd_checkpoint_sink *sink = apd_allocate(1, sizeof *sink, "a data set");
    apd_status status;
    APD_GO(apd_checkpoint_sink_begin(out, name, shape, sink, error));
    APD_GO(apd_checkpoint_sink_append(out, sink, shape->rank == 0 ? 1 : shape->extents[0], bytes, error));
    APD_GO(apd_checkpoint_sink_end(out, sink, error));
out:
    apd_checkpoint_sink_abandon(sink);
    free(sink);
    return status;
}
