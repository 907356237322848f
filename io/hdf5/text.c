/* The texts and attributes of h5.h. */
#include "io/hdf5/h5.h"

#include "base/memory.h"
#include "io/hdf5/heap.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_TEXT (1 << 20)
#define MOST_TEXTS   (1 << 20)
#define MOST_BYTES   (INT64_C(1) << 28) /* of all texts of a list */

/* Fixed length, padded with zeros: no global heap, whose bytes have no checksum. Length 0 cannot be. */
static hid_t fixed_type(size_t length) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, length > 0 ? length : 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
        H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "HDF5 cannot make a string type of %zu bytes", length);
    return type;
}

apd_status apd_h5_texts_write(hid_t place, const char *name, int64_t count, char *const *texts,
                              apd_error *error) {
    size_t longest = 1;
    for (int64_t i = 0; i < count; i++)
        longest = strlen(texts[i]) > longest ? strlen(texts[i]) : longest;
    char *packed = apd_allocate(count, longest, "texts");
    for (int64_t i = 0; i < count; i++)
        memcpy(packed + (size_t)i * longest, texts[i], strlen(texts[i]));
    hid_t type = fixed_type(longest);
    hsize_t sizes[1] = {(hsize_t)count};
    apd_status status = apd_h5_write(place, name, type, 1, sizes, false, type, packed, error);
    (void)H5Tclose(type);
    free(packed);
    return status;
}

static apd_status read_fixed(hid_t set, const apd_h5_shape *shape, char **texts, apd_error *error) {
    size_t length = shape->item_bytes;
    char where[800];
    apd_h5_locate(set, NULL, where, sizeof where);
    APD_TRY(apd_memory_limit_check(where, "texts", shape->items, length, error));
    char *packed = apd_allocate(shape->items, length, "texts");
    hid_t type = H5Dget_type(set);
    apd_status status = type >= 0 ? apd_h5_rows_read(set, 0, shape->items, type, packed, error)
                                  : apd_h5_fail(error, APD_ERROR_DATA, set, NULL, "read the type");
    for (int64_t i = 0; status == APD_OK && i < shape->items; i++) {
        const char *from = packed + (size_t)i * length;
        size_t used = strnlen(from, length);
        texts[i] = apd_allocate((int64_t)used + 1, 1, "a text");
        memcpy(texts[i], from, used);
    }
    if (type >= 0)
        (void)H5Tclose(type);
    free(packed);
    return status;
}

/* Whether the file's heaps are laid out as io/h5_heap reads them, with the elements in one piece. */
static bool is_plain_heap(hid_t file, hid_t set) {
    hsize_t block = 1;
    size_t address_bytes = 0, length_bytes = 0;
    hid_t made = file >= 0 ? H5Fget_create_plist(file) : -1;
    bool plain = made >= 0 && H5Pget_userblock(made, &block) >= 0 && block == 0 &&
                 H5Pget_sizes(made, &address_bytes, &length_bytes) >= 0 && address_bytes == 8 &&
                 length_bytes == 8 && H5Dget_offset(set) != HADDR_UNDEF;
    if (made >= 0)
        (void)H5Pclose(made);
    return plain;
}

static apd_status read_variable(hid_t set, const apd_h5_shape *shape, char **texts, apd_error *error) {
    char where[800], path[512] = "";
    hid_t file = H5Iget_file_id(set);
    apd_status status;
    apd_h5_locate(set, NULL, where, sizeof where);
    if (shape->items == 0)
        status = APD_OK;
    else if (!is_plain_heap(file, set) || H5Fget_name(file, path, sizeof path) >= (ssize_t)sizeof path)
        status = apd_fail(error, APD_ERROR_DATA,
                          "%s: texts of variable length are read from contiguous storage alone; make them of "
                          "fixed length",
                          where);
    else
        status = apd_h5_heap_texts(path, where, (int64_t)H5Dget_offset(set), shape->items, LONGEST_TEXT,
                                   MOST_BYTES, texts, error);
    if (file >= 0)
        (void)H5Fclose(file);
    return status;
}

static bool is_variable(hid_t set) {
    hid_t type = H5Dget_type(set);
    bool variable = type >= 0 && H5Tis_variable_str(type) > 0;
    if (type >= 0)
        (void)H5Tclose(type);
    return variable;
}

apd_status apd_h5_texts_read(hid_t place, const char *name, int64_t *count, char ***texts, apd_error *error) {
    hid_t set = -1;
    apd_h5_shape shape;
    APD_TRY(apd_h5_set_open(place, name, &set, &shape, error));
    apd_status status = APD_OK;
    if (shape.kind != H5T_STRING || shape.rank != 1 || shape.items > MOST_TEXTS ||
        shape.item_bytes > LONGEST_TEXT) {
        char where[800];
        apd_h5_locate(place, name, where, sizeof where);
        status = apd_fail(error, APD_ERROR_DATA, "%s: must be a one-dimensional list of strings", where);
    } else {
        char **found = apd_allocate(shape.items, sizeof *found, "texts");
        status = is_variable(set) ? read_variable(set, &shape, found, error)
                                  : read_fixed(set, &shape, found, error);
        if (status == APD_OK) {
            *count = shape.items;
            *texts = found;
        } else {
            apd_h5_texts_free(shape.items, found);
        }
    }
    apd_h5_set_close(set);
    return status;
}

void apd_h5_texts_free(int64_t count, char **texts) {
    for (int64_t i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
}

/* --- attributes -------------------------------------------------------------------------------------- */

bool apd_h5_attribute_exists(hid_t place, const char *name) {
    return H5Aexists(place, name) > 0;
}

apd_status apd_h5_attribute_write(hid_t place, const char *name, hid_t type, int64_t count, hid_t memory,
                                  const void *data, apd_error *error) {
    hsize_t size = (hsize_t)count;
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL);
    hid_t made = space >= 0 ? H5Acreate2(place, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    apd_status status = APD_OK;
    if (made < 0 || H5Awrite(made, memory, data) < 0)
        status = apd_h5_fail(error, APD_ERROR_IO, place, name, "write the attribute");
    if (made >= 0)
        (void)H5Aclose(made);
    if (space >= 0)
        (void)H5Sclose(space);
    return status;
}

/* An attribute's type (to be closed) and element count; a type below 0 on failure. */
static hid_t attribute_type(hid_t attribute, int64_t *count) {
    hid_t space = H5Aget_space(attribute);
    *count = space >= 0 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        (void)H5Sclose(space);
    return H5Aget_type(attribute);
}

apd_status apd_h5_attribute_read(hid_t place, const char *name, int64_t count, hid_t memory, void *data,
                                 apd_error *error) {
    hid_t attribute = H5Aopen(place, name, H5P_DEFAULT);
    if (attribute < 0)
        return apd_h5_fail(error, APD_ERROR_DATA, place, name, "open the attribute");
    int64_t found;
    hid_t type = attribute_type(attribute, &found);
    apd_status status = APD_OK;
    if (type < 0 || found != count || H5Tget_class(type) != H5Tget_class(memory)) {
        char where[800];
        apd_h5_locate(place, name, where, sizeof where);
        status = apd_fail(error, APD_ERROR_DATA, "%s: the attribute must be %" PRId64 " %s", where, count,
                          H5Tget_class(memory) == H5T_FLOAT ? "floating-point number(s)" : "integer(s)");
    } else if (H5Aread(attribute, memory, data) < 0) {
        status = apd_h5_fail(error, APD_ERROR_DATA, place, name, "read the attribute");
    }
    if (type >= 0)
        (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return status;
}

apd_status apd_h5_text_write(hid_t place, const char *name, const char *text, apd_error *error) {
    hid_t type = fixed_type(strlen(text));
    apd_status status = apd_h5_attribute_write(place, name, type, 1, type, text, error);
    (void)H5Tclose(type);
    return status;
}
