/* The data sets of h5.h: shapes that are held against the file, and rows read and written. */
#include "io/hdf5/h5.h"

#include "base/memory.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any of HDF5's own filters can compress: deflate ends near 1030. */
#define MOST_COMPRESSION 2048
#define CHUNK_BYTES      (1 << 20)

static apd_status product(const apd_h5_shape *shape, int64_t *items, const char *where, apd_error *error) {
    int64_t total = 1;
    for (int d = 0; d < shape->rank; d++)
        if (shape->sizes[d] > INT64_MAX / 64 ||
            __builtin_mul_overflow(total, (int64_t)shape->sizes[d], &total))
            return apd_fail(error, APD_ERROR_DATA, "%s: its shape is larger than any file", where);
    if (shape->item_bytes == 0 || total > INT64_MAX / (int64_t)shape->item_bytes)
        return apd_fail(error, APD_ERROR_DATA, "%s: its shape is larger than any file", where);
    *items = total;
    return APD_OK;
}

static apd_status describe_space(hid_t set, apd_h5_shape *shape, const char *where, apd_error *error) {
    hid_t space = H5Dget_space(set);
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    apd_status status = APD_OK;
    if (rank > APD_H5_MAX_RANK)
        status = apd_fail(error, APD_ERROR_DATA, "%s: has %d dimensions, at most %d can be", where, rank,
                          APD_H5_MAX_RANK);
    else if (rank < 0 || H5Sget_simple_extent_dims(space, shape->sizes, NULL) < 0)
        status = apd_h5_fail(error, APD_ERROR_DATA, set, NULL, "read the shape");
    shape->rank = rank;
    if (space >= 0)
        (void)H5Sclose(space);
    return status;
}

static apd_status describe_type(hid_t set, apd_h5_shape *shape, apd_error *error) {
    hid_t type = H5Dget_type(set);
    if (type < 0)
        return apd_h5_fail(error, APD_ERROR_DATA, set, NULL, "read the type");
    shape->kind = H5Tget_class(type);
    shape->item_bytes = H5Tget_size(type);
    shape->is_signed = shape->kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
    (void)H5Tclose(type);
    return APD_OK;
}

static H5Z_filter_t filter_at(hid_t list, int index) {
    unsigned flags;
    size_t values = 0;
    return H5Pget_filter2(list, (unsigned)index, &flags, &values, NULL, 0, NULL, NULL);
}

/* HDF5's other filters (szip, nbit, scale-offset) write where the file's parameters tell them to. */
static bool has_good_filters(hid_t list) {
    for (int i = 0; i < H5Pget_nfilters(list); i++) {
        H5Z_filter_t filter = filter_at(list, i);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32 &&
            filter < H5Z_FILTER_RESERVED)
            return false;
    }
    return true;
}

/* Checksums and byte order alone leave the bytes as many as they are. */
static bool is_packed(hid_t list) {
    for (int i = 0; i < H5Pget_nfilters(list); i++) {
        H5Z_filter_t filter = filter_at(list, i);
        if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            return true;
    }
    return false;
}

/* HDF5 unpacks a chunk as a whole, however few of its elements belong to the data set. */
static apd_status check_chunk(hid_t list, const apd_h5_shape *shape, uint64_t file_bytes, const char *where,
                              apd_error *error) {
    hsize_t chunk[APD_H5_MAX_RANK];
    uint64_t bytes = shape->item_bytes;
    if (H5Pget_layout(list) != H5D_CHUNKED)
        return APD_OK;
    if (H5Pget_chunk(list, APD_H5_MAX_RANK, chunk) != shape->rank)
        return apd_fail(error, APD_ERROR_DATA, "%s: its chunks have other dimensions than it has", where);
    for (int d = 0; d < shape->rank; d++)
        bytes = chunk[d] < UINT32_MAX && bytes < UINT32_MAX ? bytes * chunk[d] : UINT64_MAX;
    if (bytes > (is_packed(list) ? MOST_COMPRESSION * file_bytes : file_bytes + CHUNK_BYTES))
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: its chunks are larger than a file of %" PRIu64 " bytes can hold", where,
                        file_bytes);
    return apd_memory_limit_check(where, "chunks", (int64_t)bytes, 1, error);
}

/* That the values are in this file, and packed in ways that HDF5 unpacks safely. To be asked first: HDF5 opens
 * the other files already to tell a shape. */
static apd_status check_place(hid_t list, const char *where, apd_error *error) {
    if (H5Pget_layout(list) == H5D_VIRTUAL || H5Pget_external_count(list) != 0)
        return apd_fail(error, APD_ERROR_DATA, "%s: its values are in other files; they must be in this one",
                        where);
    if (!has_good_filters(list))
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: is packed in a way that is not read; deflate, shuffle and fletcher32 are",
                        where);
    return APD_OK;
}

static apd_status check_stored(hid_t set, hid_t list, const apd_h5_shape *shape, const char *where,
                               apd_error *error) {
    hsize_t file_bytes = 0;
    hid_t file = H5Iget_file_id(set);
    if (file >= 0)
        (void)H5Fget_filesize(file, &file_bytes);
    if (file >= 0)
        (void)H5Fclose(file);
    uint64_t stored = H5Dget_storage_size(set);
    uint64_t needed = (uint64_t)shape->items * shape->item_bytes;
    uint64_t least = is_packed(list) ? needed / MOST_COMPRESSION : needed;
    if (stored < least || least > file_bytes || stored > file_bytes + CHUNK_BYTES)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: %" PRIu64 " bytes are stored where its shape needs %" PRIu64
                        ", in a file of %" PRIu64 ": the file is damaged or was not written to its end",
                        where, stored, needed, (uint64_t)file_bytes);
    return check_chunk(list, shape, file_bytes, where, error);
}

apd_status apd_h5_set_open(hid_t place, const char *name, hid_t *set, apd_h5_shape *shape, apd_error *error) {
    hid_t opened = H5Dopen2(place, name, apd_h5_access(APD_H5_ACCESS_SET));
    if (opened < 0)
        return apd_h5_fail(error, APD_ERROR_DATA, place, name, "open the data set");
    apd_status status = APD_OK;
    char where[800];
    apd_h5_locate(place, name, where, sizeof where);
    apd_h5_shape found = {0};
    hid_t list = H5Dget_create_plist(opened);
    if (list < 0) {
        status = apd_h5_fail(error, APD_ERROR_DATA, place, name, "read the layout");
        goto out;
    }
    APD_GO(check_place(list, where, error));
    APD_GO(describe_space(opened, &found, where, error));
    APD_GO(describe_type(opened, &found, error));
    APD_GO(product(&found, &found.items, where, error));
    APD_GO(check_stored(opened, list, &found, where, error));
out:
    if (list >= 0)
        (void)H5Pclose(list);
    if (status != APD_OK) {
        (void)H5Dclose(opened);
        return status;
    }
    *set = opened;
    *shape = found;
    return APD_OK;
}

void apd_h5_set_close(hid_t set) {
    if (set >= 0)
        (void)H5Dclose(set);
}

static bool prepare_chunks(hid_t list, hid_t type, int rank, const hsize_t *sizes) {
    hsize_t chunk[APD_H5_MAX_RANK];
    hsize_t row = H5Tget_size(type);
    for (int d = rank - 1; d >= 0; d--) {
        hsize_t most = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
        chunk[d] = sizes[d] < most ? sizes[d] : most;
        row *= chunk[d];
    }
    return H5Pset_chunk(list, rank, chunk) >= 0 && H5Pset_fletcher32(list) >= 0;
}

apd_status apd_h5_set_create(hid_t place, const char *name, hid_t type, int rank, const hsize_t *sizes,
                             bool checksum, hid_t *set, apd_error *error) {
    APD_ASSERT(rank >= 1 && rank <= APD_H5_MAX_RANK);
    bool empty = false;
    for (int d = 0; d < rank; d++)
        empty = empty || sizes[d] == 0;
    hid_t links = H5Pcreate(H5P_LINK_CREATE), list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(rank, sizes, NULL), made = -1;
    if (links >= 0 && list >= 0 && space >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0 &&
        (!checksum || empty || prepare_chunks(list, type, rank, sizes)))
        made = H5Dcreate2(place, name, type, space, links, list, H5P_DEFAULT);
    apd_status status =
        made >= 0 ? APD_OK : apd_h5_fail(error, APD_ERROR_IO, place, name, "create the data set");
    if (space >= 0)
        (void)H5Sclose(space);
    if (list >= 0)
        (void)H5Pclose(list);
    if (links >= 0)
        (void)H5Pclose(links);
    if (status == APD_OK)
        *set = made;
    return status;
}

/* Select rows first .. first+count-1 in the file, and make the space of the same shape in memory. */
static bool select_rows(hid_t set, int64_t first, int64_t count, hid_t *file_space, hid_t *memory_space) {
    hsize_t sizes[APD_H5_MAX_RANK], start[APD_H5_MAX_RANK] = {0};
    *file_space = H5Dget_space(set);
    int rank = *file_space >= 0 ? H5Sget_simple_extent_ndims(*file_space) : -1;
    if (rank < 1 || rank > APD_H5_MAX_RANK || H5Sget_simple_extent_dims(*file_space, sizes, NULL) < 0)
        return false;
    APD_ASSERT(first >= 0 && count >= 0 && (uint64_t)first + (uint64_t)count <= sizes[0]);
    start[0] = (hsize_t)first;
    sizes[0] = (hsize_t)count;
    *memory_space = H5Screate_simple(rank, sizes, NULL);
    return *memory_space >= 0 &&
           H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, sizes, NULL) >= 0;
}

static void close_spaces(hid_t file_space, hid_t memory_space) {
    if (file_space >= 0)
        (void)H5Sclose(file_space);
    if (memory_space >= 0)
        (void)H5Sclose(memory_space);
}

apd_status apd_h5_rows_read(hid_t set, int64_t first, int64_t count, hid_t memory, void *data,
                            apd_error *error) {
    if (count == 0)
        return APD_OK;
    hid_t file_space = -1, memory_space = -1;
    apd_status status = APD_OK;
    if (!select_rows(set, first, count, &file_space, &memory_space) ||
        H5Dread(set, memory, memory_space, file_space, H5P_DEFAULT, data) < 0)
        status = apd_h5_fail(error, APD_ERROR_DATA, set, NULL, "read");
    close_spaces(file_space, memory_space);
    return status;
}

apd_status apd_h5_rows_write(hid_t set, int64_t first, int64_t count, hid_t memory, const void *data,
                             apd_error *error) {
    if (count == 0)
        return APD_OK;
    hid_t file_space = -1, memory_space = -1;
    apd_status status = APD_OK;
    if (!select_rows(set, first, count, &file_space, &memory_space) ||
        H5Dwrite(set, memory, memory_space, file_space, H5P_DEFAULT, data) < 0)
        status = apd_h5_fail(error, APD_ERROR_IO, set, NULL, "write");
    close_spaces(file_space, memory_space);
    return status;
}

static void shape_text(int rank, const hsize_t *sizes, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "(");
    for (int d = 0; d < rank && used < size; d++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%" PRIu64, d > 0 ? ", " : "", (uint64_t)sizes[d]);
    if (used < size)
        (void)snprintf(text + used, size - used, ")");
}

static apd_status check_shape(const apd_h5_shape *shape, hid_t memory, int rank, const hsize_t *sizes,
                              hid_t place, const char *name, apd_error *error) {
    char where[600], is[120], wanted[120];
    apd_h5_locate(place, name, where, sizeof where);
    H5T_class_t kind = H5Tget_class(memory);
    if (shape->kind != kind)
        return apd_fail(error, APD_ERROR_DATA, "%s: must hold %s", where,
                        kind == H5T_FLOAT ? "floating-point numbers" : "integers");
    bool same = shape->rank == rank;
    for (int d = 0; same && d < rank; d++)
        same = shape->sizes[d] == sizes[d];
    if (same)
        return APD_OK;
    shape_text(shape->rank, shape->sizes, is, sizeof is);
    shape_text(rank, sizes, wanted, sizeof wanted);
    return apd_fail(error, APD_ERROR_DATA, "%s: its shape is %s and must be %s", where, is, wanted);
}

apd_status apd_h5_read_list(hid_t place, const char *name, hid_t memory, int64_t count, void **data,
                            apd_error *error) {
    hid_t set = -1;
    apd_h5_shape shape;
    hsize_t size = (hsize_t)count;
    void *values = NULL;
    char where[600];
    APD_TRY(apd_h5_set_open(place, name, &set, &shape, error));
    apd_status status;
    apd_h5_locate(place, name, where, sizeof where);
    APD_GO(check_shape(&shape, memory, 1, &size, place, name, error));
    APD_GO(apd_memory_limit_check(where, "values", count, H5Tget_size(memory), error));
    values = apd_allocate(count, H5Tget_size(memory), name);
    APD_GO(apd_h5_rows_read(set, 0, count, memory, values, error));
    *data = values;
    values = NULL;
out:
    free(values);
    apd_h5_set_close(set);
    return status;
}

apd_status apd_h5_write(hid_t place, const char *name, hid_t type, int rank, const hsize_t *sizes,
                        bool checksum, hid_t memory, const void *data, apd_error *error) {
    hid_t set = -1;
    APD_TRY(apd_h5_set_create(place, name, type, rank, sizes, checksum, &set, error));
    apd_status status = APD_OK;
    bool empty = false;
    for (int d = 0; d < rank; d++)
        empty = empty || sizes[d] == 0;
    if (!empty)
        status = apd_h5_rows_write(set, 0, (int64_t)sizes[0], memory, data, error);
    apd_h5_set_close(set);
    return status;
}
