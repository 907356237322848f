#include "io/checkpoint/get.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/segment.h"
#include "io/hdf5/chunk.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/read_driver.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

apd_status apd_checkpoint_get_fail(const apd_checkpoint_in *in, const char *name, const char *reason,
                                   apd_error *error) {
    const char *between = name == NULL || strcmp(in->name, "/") == 0 ? "" : "/";
    apd_status status = apd_fail(error, APD_ERROR_DATA, "%s: %s%s%s: %s", in->path, in->name, between,
                                 name != NULL ? name : "", reason);
    return apd_h5_check_refused(status, error);
}

static apd_status fail_hdf5(const apd_checkpoint_in *in, const char *name, const char *what,
                            apd_error *error) {
    char reason[256], line[400];
    apd_h5_reason(reason, sizeof reason);
    (void)snprintf(line, sizeof line, "%s (HDF5: %s)", what, reason);
    return apd_checkpoint_get_fail(in, name, line, error);
}

apd_status apd_checkpoint_get_open(const apd_checkpoint_in *root, const char *name, apd_checkpoint_in *in,
                                   apd_error *error) {
    apd_checkpoint_in opened = *root;
    (void)snprintf(opened.name, sizeof opened.name, "%s", name);
    opened.digest = apd_digest(name, strlen(name));
    if (!apd_segment_holds(root->id, name + 1))
        return apd_checkpoint_get_fail(&opened, NULL, "missing", error);
    opened.id = H5Gopen2(root->id, name, H5P_DEFAULT);
    if (opened.id < 0)
        return fail_hdf5(&opened, NULL, "cannot be opened as a group", error);
    *in = opened;
    return APD_OK;
}

apd_status apd_checkpoint_get_stored_digest(const apd_checkpoint_in *in, uint64_t *digest, apd_error *error) {
    apd_checkpoint_in copy = *in; /* the digest is no part of itself */
    apd_checkpoint_shape shape = apd_checkpoint_scalar(APD_CHECKPOINT_UINT64);
    return apd_checkpoint_get_attribute(&copy, "digest", &shape, digest, error);
}

apd_status apd_checkpoint_get_end(const apd_checkpoint_in *in, apd_error *error) {
    uint64_t stored;
    APD_TRY(apd_checkpoint_get_stored_digest(in, &stored, error));
    if (stored == in->digest)
        return APD_OK;
    char reason[128];
    (void)snprintf(reason, sizeof reason,
                   "damaged: its digest is %016" PRIx64 " where the file says %016" PRIx64, in->digest,
                   stored);
    return apd_checkpoint_get_fail(in, NULL, reason, error);
}

void apd_checkpoint_get_close(apd_checkpoint_in *in) {
    apd_h5_group_close(in->id);
    in->id = -1;
}

/* The extents of an attribute's or data set's space against the expected ones; takes the space over. */
static bool space_fits(hid_t space, apd_checkpoint_shape *shape) {
    hsize_t extents[2] = {0, 0};
    bool fits = space >= 0 && H5Sget_simple_extent_type(space) != H5S_NULL &&
                H5Sget_simple_extent_ndims(space) == shape->rank &&
                H5Sget_simple_extent_dims(space, extents, NULL) == shape->rank;
    for (int d = 0; fits && d < shape->rank; d++) {
        fits = extents[d] <= INT64_MAX / 16 &&
               (shape->extents[d] == APD_CHECKPOINT_ANY || shape->extents[d] == (int64_t)extents[d]);
        shape->extents[d] = (int64_t)extents[d];
    }
    if (space >= 0)
        (void)H5Sclose(space);
    return fits;
}

/* Takes `found` over. A text of 0 bytes takes the file's length. */
static bool type_fits(hid_t found, apd_checkpoint_shape *shape) {
    if (found < 0)
        return false;
    if (shape->kind == APD_CHECKPOINT_TEXT && shape->text == 0 && H5Tget_class(found) == H5T_STRING)
        shape->text = (int64_t)H5Tget_size(found);
    hid_t wanted = apd_checkpoint_type(shape, true);
    bool fits = wanted >= 0 && H5Tequal(found, wanted) > 0;
    if (wanted >= 0)
        (void)H5Tclose(wanted);
    (void)H5Tclose(found);
    return fits;
}

apd_status apd_checkpoint_get_attribute(apd_checkpoint_in *in, const char *name,
                                        const apd_checkpoint_shape *shape, void *value, apd_error *error) {
    apd_checkpoint_shape found = *shape;
    if (H5Aexists(in->id, name) <= 0)
        return apd_checkpoint_get_fail(in, name, "the attribute is missing", error);
    hid_t attribute = H5Aopen(in->id, name, H5P_DEFAULT);
    if (attribute < 0)
        return fail_hdf5(in, name, "the attribute cannot be opened", error);
    hid_t memory = apd_checkpoint_type(shape, false);
    apd_status status = APD_OK;
    if (!space_fits(H5Aget_space(attribute), &found) || !type_fits(H5Aget_type(attribute), &found))
        status =
            apd_checkpoint_get_fail(in, name, "the attribute has another type or extent than it must", error);
    else if (H5Aread(attribute, memory, value) < 0)
        status = fail_hdf5(in, name, "the attribute cannot be read", error);
    if (memory >= 0)
        (void)H5Tclose(memory);
    (void)H5Aclose(attribute);
    if (status != APD_OK)
        return status;
    int64_t items = (shape->rank == 0 ? 1 : shape->extents[0]) * apd_checkpoint_row(shape);
    uint64_t bytes = apd_digest(value, (size_t)(items * apd_checkpoint_element(shape)));
    in->digest = apd_checkpoint_fold(in->digest, name, shape, bytes);
    return APD_OK;
}

apd_status apd_checkpoint_get_fields(apd_checkpoint_in *in, const apd_checkpoint_field *fields, int count,
                                     void *into, apd_error *error) {
    for (int f = 0; f < count; f++) {
        apd_checkpoint_shape shape = {.kind = fields[f].kind, .text = fields[f].text};
        void *value = (char *)into + fields[f].offset;
        APD_TRY(apd_checkpoint_get_attribute(in, fields[f].name, &shape, value, error));
        if (shape.kind == APD_CHECKPOINT_TEXT && memchr(value, 0, (size_t)shape.text) == NULL)
            return apd_checkpoint_get_fail(in, fields[f].name, "the text has no end", error);
    }
    return APD_OK;
}

apd_status apd_checkpoint_get_length(const apd_checkpoint_in *in, const char *name, int64_t *length,
                                     apd_error *error) {
    apd_checkpoint_shape shape = apd_checkpoint_vector(APD_CHECKPOINT_INT32, APD_CHECKPOINT_ANY);
    hid_t attribute = H5Aexists(in->id, name) > 0 ? H5Aopen(in->id, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        return apd_checkpoint_get_fail(in, name, "the attribute is missing", error);
    bool fits = space_fits(H5Aget_space(attribute), &shape);
    (void)H5Aclose(attribute);
    if (!fits)
        return apd_checkpoint_get_fail(in, name, "the attribute is not a list", error);
    *length = shape.extents[0];
    return APD_OK;
}

static apd_status check_set(const apd_checkpoint_in *in, apd_checkpoint_source *source, apd_error *error) {
    apd_checkpoint_shape wanted = source->shape;
    if (!type_fits(H5Dget_type(source->id), &source->shape))
        return apd_checkpoint_get_fail(in, source->name, "holds another type of elements than it must",
                                       error);
    if (space_fits(H5Dget_space(source->id), &source->shape))
        return APD_OK;
    char reason[200];
    (void)snprintf(reason, sizeof reason,
                   "has another extent than it must: %" PRId64 " x %" PRId64 " is expected (-1: any)",
                   wanted.extents[0], apd_checkpoint_row(&wanted));
    return apd_checkpoint_get_fail(in, source->name, reason, error);
}

apd_status apd_checkpoint_source_begin(const apd_checkpoint_in *in, const char *name,
                                       const apd_checkpoint_shape *shape, apd_checkpoint_source *source,
                                       apd_error *error) {
    apd_h5_shape stored;
    *source = (apd_checkpoint_source){.id = -1, .name = name, .shape = *shape};
    if (!apd_segment_holds(in->id, name))
        return apd_checkpoint_get_fail(in, name, "missing", error);
    APD_TRY(apd_h5_check_refused(apd_h5_set_open(in->id, name, &source->id, &stored, error), error));
    source->chunk = stored.chunk;
    apd_status status = check_set(in, source, error);
    if (status != APD_OK)
        apd_checkpoint_source_abandon(source);
    return status;
}

static int64_t source_rows(const apd_checkpoint_source *source) {
    return source->shape.rank == 0 ? 1 : source->shape.extents[0];
}

static bool read_set(const apd_checkpoint_source *source, int64_t row_bytes) {
    apd_h5_chunks chunks = {source_rows(source), source->chunk, row_bytes};
    if (source_rows(source) * row_bytes == 0)
        return true;
    if (source->chunk > 0 && source->shape.kind != APD_CHECKPOINT_TEXT &&
        __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && apd_h5_chunks_read(source->id, &chunks, source->whole))
        return true;
    hid_t memory = apd_checkpoint_type(&source->shape, false);
    bool good = H5Dread(source->id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, source->whole) >= 0;
    (void)H5Tclose(memory);
    return good;
}

/* Read the data set whole, one zero byte behind it. */
static apd_status load(const apd_checkpoint_in *in, apd_checkpoint_source *source, apd_error *error) {
    int64_t rows = source_rows(source);
    int64_t row_bytes = apd_checkpoint_row(&source->shape) * apd_checkpoint_element(&source->shape);
    APD_TRY(
        apd_memory_limit_check(in->path, source->name, rows, row_bytes > 0 ? (size_t)row_bytes : 1, error));
    source->whole = apd_allocate_bytes(rows * row_bytes + 1, source->name);
    source->whole[rows * row_bytes] = 0;
    if (!read_set(source, row_bytes))
        return fail_hdf5(in, source->name, "cannot be read", error);
    source->digest = apd_checkpoint_digest_of(source->whole, (size_t)(rows * row_bytes));
    return APD_OK;
}

apd_status apd_checkpoint_source_read(const apd_checkpoint_in *in, apd_checkpoint_source *source,
                                      int64_t rows, void *bytes, apd_error *error) {
    int64_t row_bytes = apd_checkpoint_row(&source->shape) * apd_checkpoint_element(&source->shape);
    if (rows * row_bytes == 0)
        return APD_OK;
    if (rows > source_rows(source) - source->row)
        return apd_checkpoint_get_fail(in, source->name, "ends too early", error);
    if (source->whole == NULL)
        APD_TRY(load(in, source, error));
    memcpy(bytes, source->whole + source->row * row_bytes, (size_t)(rows * row_bytes));
    source->row += rows;
    return APD_OK;
}

void apd_checkpoint_source_end(apd_checkpoint_in *in, apd_checkpoint_source *source) {
    in->digest = apd_checkpoint_fold(in->digest, source->name, &source->shape, source->digest);
    apd_checkpoint_source_abandon(source);
}

void apd_checkpoint_source_abandon(apd_checkpoint_source *source) {
    apd_h5_set_close(source->id);
    source->id = -1;
    free(source->whole);
    source->whole = NULL;
}

apd_status apd_checkpoint_get_data(apd_checkpoint_in *in, const char *name, apd_checkpoint_shape *shape,
                                   void **bytes, apd_error *error) {
    apd_checkpoint_source source;
    APD_TRY(apd_checkpoint_source_begin(in, name, shape, &source, error));
    apd_status status = load(in, &source, error);
    if (status == APD_OK) {
        *shape = source.shape;
        *bytes = source.whole;
        source.whole = NULL;
        apd_checkpoint_source_end(in, &source);
    }
    apd_checkpoint_source_abandon(&source);
    return status;
}
