#include "io/checkpoint_put.h"

#include "io/checkpoint_sink.h"
#include "io/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPACT_BYTES 32768
#define CHUNK_BYTES   (1024 * 1024)

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

static int64_t shape_bytes(const apd_checkpoint_shape *shape) {
    return shape_items(shape) * apd_checkpoint_element(shape);
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
    size_t bytes = (size_t)shape_bytes(shape);
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
    if (shape_bytes(shape) <= COMPACT_BYTES)
        return H5Pset_layout(list, H5D_COMPACT);
    if (shape->rank == 0)
        return H5Pset_layout(list, H5D_CONTIGUOUS);
    find_chunk(shape, chunk);
    if (H5Pset_chunk(list, shape->rank, chunk) < 0)
        return -1;
    return H5Pset_fletcher32(list);
}

bool apd_checkpoint_put_in_chunks(const apd_checkpoint_shape *shape, apd_h5_chunks *chunks) {
    hsize_t sizes[2] = {0, 0};
    int64_t rows = shape->rank == 0 ? 1 : shape->extents[0];
    *chunks = (apd_h5_chunks){rows, rows, apd_checkpoint_row(shape) * apd_checkpoint_element(shape)};
    /* the elements lie in memory as in the file? */
    if (shape->kind == APD_CHECKPOINT_TEXT || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || shape->rank == 0 ||
        shape_bytes(shape) <= COMPACT_BYTES)
        return false;
    find_chunk(shape, sizes);
    if (shape->rank == 2 && (int64_t)sizes[1] != shape->extents[1])
        return false;
    chunks->chunk = (int64_t)sizes[0];
    return true;
}

hid_t apd_checkpoint_put_create(const apd_checkpoint_out *out, const char *name,
                                const apd_checkpoint_shape *shape) {
    hid_t type = apd_checkpoint_type(shape, true), space = make_space(shape);
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
    if (shape_items(shape) == 0)
        return true;
    hid_t memory = apd_checkpoint_type(shape, false);
    bool good = H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
    (void)H5Tclose(memory);
    return good;
}

apd_status apd_checkpoint_put_data(apd_checkpoint_out *out, const char *name,
                                   const apd_checkpoint_shape *shape, const void *bytes, apd_error *error) {
    apd_h5_chunks chunks;
    if (apd_checkpoint_put_in_chunks(shape, &chunks)) {
        apd_checkpoint_sink sink;
        apd_checkpoint_sink_begin(out, name, shape, &sink);
        apd_checkpoint_sink_append(&sink, chunks.rows, bytes);
        return apd_checkpoint_sink_end(out, &sink, error);
    }
    hid_t set = apd_checkpoint_put_create(out, name, shape);
    bool good = set >= 0 && write_all(set, shape, bytes);
    apd_status status = apd_checkpoint_put_check(out, good, name, error);
    if (set >= 0 && H5Dclose(set) < 0)
        status = apd_checkpoint_put_check(out, false, name, error);
    uint64_t digest = apd_checkpoint_digest_of(bytes, (size_t)shape_bytes(shape));
    out->digest = apd_checkpoint_fold(out->digest, name, shape, digest);
    return status;
}
