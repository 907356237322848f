#include "io/checkpoint/part_reader.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/types.h"
#include "io/hdf5/h5.h"
#include "io/system/file.h"
#include "io/system/memory_limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go to files as they lie in memory");

/* --- the file --------------------------------------------------------------------------------------------- */

/* `count` bytes at `at`; `*whole` is false where the file ends before. */
static apd_status read_at(const apd_part_reader *reader, int64_t at, void *bytes, int64_t count, bool *whole,
                          apd_error *error) {
    unsigned char *next = bytes;
    while (count > 0) {
        ssize_t got = pread(reader->descriptor, next, (size_t)count, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return apd_fail_errno(error, errno, "%s: cannot read", reader->path);
        if (got == 0)
            break;
        next += got;
        at += got;
        count -= got;
    }
    *whole = count == 0;
    return APD_OK;
}

static apd_status damaged(const apd_part_reader *reader, const char *reason, apd_error *error) {
    return apd_fail(error, APD_ERROR_DATA, "%s: %s", reader->path, reason);
}

/* What kind of file it is, when it has no user block of ours. */
static apd_status refuse_format(const apd_part_reader *reader, const char *header, apd_error *error) {
    int version;
    bool numbered = sscanf(header, APD_PART_FORMAT " %d", &version) == 1;
    if (memcmp(header, "\211HDF\r\n\032\n", 8) == 0 || (numbered && version < APD_PART_VERSION))
        return damaged(
            reader,
            "not a checkpoint of format 5; if it is one of an earlier format, use the program that "
            "wrote it, or start a new run",
            error);
    if (numbered && version > APD_PART_VERSION)
        return damaged(
            reader, "a checkpoint of a later format; use the program that wrote it, or a newer one", error);
    return damaged(reader, "not a checkpoint", error);
}

static apd_status read_header(apd_part_reader *reader, apd_error *error) {
    char header[APD_PART_HEADER + 1] = {0};
    struct stat facts;
    bool whole = false;
    int version;
    if (fstat(reader->descriptor, &facts) != 0)
        return apd_fail_errno(error, errno, "%s: cannot find its size", reader->path);
    APD_TRY(read_at(reader, 0, header, APD_PART_HEADER, &whole, error));
    int found = sscanf(
        header, APD_PART_FORMAT " %d commit %" SCNd32 " front %" SCNd64 " bytes %" SCNd64 " digest %" SCNx64,
        &version, &reader->commit, &reader->front, &reader->bytes, &reader->digest);
    if (found != 5 || version != APD_PART_VERSION)
        return refuse_format(reader, header, error);
    if (!whole || (int64_t)facts.st_size != reader->bytes)
        return damaged(reader, "damaged: it has another size than it says", error);
    if (reader->front < APD_PART_HEADER || reader->front > reader->bytes)
        return damaged(reader, "damaged: its first lines make no sense", error);
    return APD_OK;
}

static apd_status check_front(const apd_part_reader *reader, apd_error *error) {
    int64_t size = reader->front - APD_PART_HEADER;
    bool whole = false;
    APD_TRY(apd_memory_limit_check(reader->path, "bytes", size, 1, error));
    unsigned char *front = apd_allocate_bytes(size, "the front of a file");
    apd_status status = read_at(reader, APD_PART_HEADER, front, size, &whole, error);
    uint64_t digest = status == APD_OK && whole ? apd_digest(front, (size_t)size) : 0;
    free(front);
    if (status == APD_OK && (!whole || digest != reader->digest))
        return damaged(reader, "damaged: its front has another digest than it says", error);
    return status;
}

apd_status apd_part_open(const char *path, const char *shown, const apd_part_record *expected,
                         apd_part_reader *reader, apd_error *error) {
    apd_part_reader opened = {.path = apd_duplicate_text(shown), .descriptor = -1, .file = -1};
    apd_status status;
    APD_GO(apd_file_open(path, &opened.descriptor, error));
    APD_GO(read_header(&opened, error));
    if (expected != NULL && (expected->commit != opened.commit || expected->bytes != opened.bytes ||
                             expected->digest != opened.digest))
        APD_GO(damaged(&opened, "not the file that the checkpoint means", error));
    APD_GO(check_front(&opened, error));
    APD_GO(apd_h5_open(path, &opened.file, error));
    *reader = opened;
    return APD_OK;
out:
    apd_part_close(&opened);
    return status;
}

void apd_part_close(apd_part_reader *reader) {
    if (reader->path == NULL)
        return;
    (void)apd_h5_close(&reader->file, reader->path, NULL);
    if (reader->descriptor >= 0)
        (void)close(reader->descriptor);
    free(reader->path);
    *reader = (apd_part_reader){0};
}

/* --- groups ----------------------------------------------------------------------------------------------- */

apd_status apd_part_fail(const apd_part_in *in, const char *name, const char *reason, apd_error *error) {
    return apd_fail(error, APD_ERROR_DATA, "%s: /%s%s%s: %s", in->reader->path, in->name,
                    name == NULL || in->name[0] == '\0' ? "" : "/", name != NULL ? name : "", reason);
}

/* Whether every part of the path is a link to an object of this file. */
static bool is_here(hid_t place, const char *part, bool last, void *context) {
    H5L_info_t facts;
    (void)last;
    (void)context;
    return H5Lexists(place, part, H5P_DEFAULT) > 0 && H5Lget_info(place, part, &facts, H5P_DEFAULT) >= 0 &&
           facts.type == H5L_TYPE_HARD;
}

bool apd_part_has(const apd_part_reader *reader, const char *group) {
    return apd_h5_walk(reader->file, group, is_here, NULL);
}

apd_status apd_part_begin_group(const apd_part_reader *reader, const char *name, apd_part_in *in,
                                apd_error *error) {
    *in = (apd_part_in){.reader = reader, .group = -1};
    (void)snprintf(in->name, sizeof in->name, "%s", name);
    if (name[0] != '\0' && !apd_part_has(reader, name))
        return apd_part_fail(in, NULL, "missing", error);
    in->group = H5Gopen2(reader->file, name[0] != '\0' ? name : "/", H5P_DEFAULT);
    return in->group >= 0 ? APD_OK : apd_part_fail(in, NULL, "cannot be opened as a group", error);
}

void apd_part_abandon(apd_part_in *in) {
    if (in->numbers != NULL)
        (void)apd_digest_end(in->numbers);
    in->numbers = NULL;
    if (in->group >= 0)
        (void)H5Gclose(in->group);
    in->group = -1;
}

apd_status apd_part_stored_digest(const apd_part_in *in, uint64_t *digest, apd_error *error) {
    apd_shape shape = {.number = APD_U64};
    return apd_part_attribute_read(in, "digest", &shape, digest, error);
}

apd_status apd_part_end_group(apd_part_in *in, apd_error *error) {
    uint64_t stored = 0;
    apd_status status = apd_part_stored_digest(in, &stored, error);
    if (status == APD_OK && stored != in->digest)
        status = apd_part_fail(in, NULL, "damaged: its contents have another digest than it says", error);
    apd_part_abandon(in);
    return status;
}

/* --- attributes and arrays -------------------------------------------------------------------------------- */

/* Takes the space over. */
static bool space_fits(hid_t space, apd_shape *shape) {
    hsize_t extents[2] = {0, 0};
    bool fits = space >= 0 && H5Sget_simple_extent_type(space) != H5S_NULL &&
                H5Sget_simple_extent_ndims(space) == shape->rank &&
                H5Sget_simple_extent_dims(space, extents, NULL) == shape->rank;
    for (int d = 0; fits && d < shape->rank; d++) {
        fits = extents[d] <= INT64_MAX / 16 &&
               (shape->extents[d] == APD_ANY || shape->extents[d] == (int64_t)extents[d]);
        shape->extents[d] = (int64_t)extents[d];
    }
    if (space >= 0)
        (void)H5Sclose(space);
    return fits;
}

/* Takes the type over. */
static bool type_fits(hid_t found, apd_shape *shape) {
    if (found >= 0 && shape->number == APD_TEXT && shape->text == APD_ANY &&
        H5Tget_class(found) == H5T_STRING && H5Tis_variable_str(found) == 0)
        shape->text = (int64_t)H5Tget_size(found);
    hid_t wanted = shape->number == APD_TEXT && shape->text <= 0 ? -1 : apd_file_type(shape);
    bool fits = found >= 0 && wanted >= 0 && H5Tequal(found, wanted) > 0;
    apd_types_close(found, wanted, -1);
    return fits;
}

apd_status apd_part_attribute_read(const apd_part_in *in, const char *name, const apd_shape *shape,
                                   void *value, apd_error *error) {
    apd_shape found = *shape;
    hid_t attribute = H5Aexists(in->group, name) > 0 ? H5Aopen(in->group, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        return apd_part_fail(in, name, "the attribute is missing", error);
    hid_t memory = apd_memory_type(shape);
    apd_status status = APD_OK;
    if (!space_fits(H5Aget_space(attribute), &found) || !type_fits(H5Aget_type(attribute), &found))
        status = apd_part_fail(in, name, "the attribute has another type or extent than it must", error);
    else if (H5Aread(attribute, memory, value) < 0)
        status = apd_part_fail(in, name, "the attribute cannot be read", error);
    apd_types_close(memory, attribute, -1);
    return status;
}

/* Where the numbers of a data set lie: in one piece behind the front, as many as its shape says. */
static apd_status find_numbers(apd_part_in *in, hid_t set, const char *name, apd_error *error) {
    int64_t bytes = apd_shape_bytes(&in->array.shape);
    hid_t list = H5Dget_create_plist(set);
    bool plain = list >= 0 && H5Pget_layout(list) == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0 &&
                 H5Pget_nfilters(list) == 0;
    haddr_t offset = H5Dget_offset(set);
    if (list >= 0)
        (void)H5Pclose(list);
    in->left = bytes;
    in->at = offset == HADDR_UNDEF ? 0 : (int64_t)offset;
    if (plain && (bytes == 0 || (offset != HADDR_UNDEF && in->at >= in->reader->front &&
                                 in->at <= in->reader->bytes && bytes <= in->reader->bytes - in->at)))
        return APD_OK;
    return apd_part_fail(in, name, "does not lie where an array must", error);
}

/* That bytes of the shape can be counted. */
static bool is_countable(const apd_shape *shape) {
    int64_t count = apd_number_bytes(shape->number, shape->text);
    for (int d = 0; d < shape->rank; d++)
        if (__builtin_mul_overflow(count, shape->extents[d], &count))
            return false;
    return true;
}

apd_status apd_part_begin_array(apd_part_in *in, const char *name, apd_shape *shape, apd_error *error) {
    if (!apd_h5_walk(in->group, name, is_here, NULL))
        return apd_part_fail(in, name, "missing", error);
    hid_t set = H5Dopen2(in->group, name, H5P_DEFAULT);
    if (set < 0)
        return apd_part_fail(in, name, "cannot be opened as an array", error);
    apd_status status = APD_OK;
    apd_shape found = *shape;
    if (!type_fits(H5Dget_type(set), &found) || !space_fits(H5Dget_space(set), &found) ||
        !is_countable(&found))
        status = apd_part_fail(in, name, "has another type or extent than it must", error);
    in->array = (apd_part_array){name, found};
    if (status == APD_OK)
        status = find_numbers(in, set, name, error);
    (void)H5Dclose(set);
    if (status != APD_OK)
        return status;
    in->numbers = apd_digest_begin();
    *shape = found;
    return APD_OK;
}

apd_status apd_part_read(apd_part_in *in, void *bytes, int64_t count, apd_error *error) {
    bool whole = true;
    if (count > in->left)
        return apd_part_fail(in, in->array.name, "ends too early", error);
    APD_TRY(read_at(in->reader, in->at, bytes, count, &whole, error));
    if (!whole)
        return apd_part_fail(in, in->array.name, "ends too early", error);
    apd_digest_add(in->numbers, bytes, (size_t)count);
    in->at += count;
    in->left -= count;
    return APD_OK;
}

apd_status apd_part_end_array(apd_part_in *in, apd_error *error) {
    if (in->left != 0)
        return apd_part_fail(in, in->array.name, "is longer than it must be", error);
    in->digest = apd_part_fold(in->digest, &in->array, apd_digest_end(in->numbers));
    in->numbers = NULL;
    return APD_OK;
}

apd_status apd_part_read_array(apd_part_in *in, const char *name, apd_shape *shape, void **bytes,
                               apd_error *error) {
    APD_TRY(apd_part_begin_array(in, name, shape, error));
    int64_t size = apd_shape_bytes(shape);
    APD_TRY(apd_memory_limit_check(in->reader->path, name, size + 1, 1, error));
    unsigned char *read = apd_allocate_bytes(size + 1, name);
    read[size] = 0;
    apd_status status = apd_part_read(in, read, size, error);
    if (status == APD_OK)
        status = apd_part_end_array(in, error);
    if (status == APD_OK)
        *bytes = read;
    else
        free(read);
    return status;
}
