#include "io/checkpoint/part_writer.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/thread.h"
#include "io/checkpoint/types.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/memory_driver.h"
#include "io/system/durable.h"
#include "io/system/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

struct apd_part_writer {
    char *path;
    const apd_part_plan *plan;
    int file;                         /* descriptor */
    bool stays;                       /* when this is destroyed */
    hid_t memory, *digest_attributes; /* the front; (groups), until it is complete */
    apd_h5_memory bytes;              /* its bytes */
    int group_count;
    int64_t front, size; /* where arrays begin and end, in the file */
    /* --- arrays --- */
    int64_t count;                 /* of all groups */
    const apd_part_array **arrays; /* (count), the plan's */
    int64_t *sizes;                /* (count): their bytes */
    uint64_t *digests;             /* (count) */
    int64_t array;                 /* the one that bytes go to now */
    int64_t at, left;              /* in the file; bytes that this array still gets */
    int number;                    /* errno of the first refusal; 0: none */
    unsigned char *buffer;
    int64_t filled, waiting;    /* bytes in the buffer; written since the disk was last told to begin */
    apd_digest_stream *current; /* of this array */
    /* --- end --- */
    uint64_t digest;
    pthread_t syncing;
    bool waits;
    apd_status synced;
    apd_error sync_error;
};

static apd_status fail_hdf5(const char *path, const char *step, apd_error *error) {
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, APD_ERROR_INTERNAL, "%s: cannot %s (HDF5: %s)", path, step, reason);
}

/* --- the front, in memory --------------------------------------------------------------------------------- */

/* An estimate of the bytes that HDF5 needs for the front. */
static int64_t estimate_front(const apd_part_plan *plan) {
    int64_t bytes = 2048 + 128 * (plan->link_count - (plan->begin != NULL ? plan->begin->links : 0));
    for (int g = 0; g < plan->group_count; g++) {
        const apd_part_group *group = &plan->groups[g];
        bytes += 512 + 512 * (int64_t)group->array_count;
        for (int a = 0; a < group->attribute_count; a++)
            bytes += 128 + apd_shape_bytes(&group->attributes[a].shape);
    }
    return bytes;
}

/* Open a file in memory, `bytes`, that allocates metadata in blocks of `block` bytes. Negative on failure. */
static hid_t open_memory(const apd_part_image *begin, int64_t block, apd_h5_memory *bytes) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), make = H5Pcreate(H5P_FILE_CREATE), file = -1;
    /* Format 1.8: metadata have checksums, and no mark says that a file is open for writing. */
    if (access >= 0 && make >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        apd_h5_memory_use(access, bytes) >= 0 && H5Pset_meta_block_size(access, (hsize_t)block) >= 0 &&
        H5Pset_small_data_block_size(access, 0) >= 0 && H5Pset_userblock(make, APD_PART_HEADER) >= 0 &&
        H5Pset_obj_track_times(make, false) >= 0 && H5Pset_attr_phase_change(make, 64, 48) >= 0) {
        if (begin != NULL) {
            apd_h5_memory_reserve(bytes, begin->size);
            memcpy(bytes->bytes, begin->bytes, (size_t)begin->size);
            bytes->size = begin->size;
        }
        file = begin != NULL ? H5Fopen("front", H5F_ACC_RDWR, access)
                             : H5Fcreate("front", H5F_ACC_TRUNC, make, access);
    }
    if (make >= 0)
        (void)H5Pclose(make);
    if (access >= 0)
        (void)H5Pclose(access);
    return file;
}

/* Open the group `name` below `place` ("": the root), and create it if it does not exist. */
static hid_t open_group(hid_t place, const char *name) {
    if (name[0] == '\0')
        return H5Gopen2(place, "/", H5P_DEFAULT);
    if (H5Lexists(place, name, H5P_DEFAULT) > 0)
        return H5Gopen2(place, name, H5P_DEFAULT);
    hid_t make = H5Pcreate(H5P_GROUP_CREATE), group = -1;
    if (make >= 0 && H5Pset_obj_track_times(make, false) >= 0 && H5Pset_attr_phase_change(make, 64, 48) >= 0)
        group = H5Gcreate2(place, name, H5P_DEFAULT, make, H5P_DEFAULT);
    if (make >= 0)
        (void)H5Pclose(make);
    return group;
}

/* Create the groups above `name` that do not exist. */
static bool make_parents(hid_t place, const char *name) {
    char parent[64];
    bool good = true;
    for (const char *slash = strchr(name, '/'); slash != NULL && good; slash = strchr(slash + 1, '/')) {
        (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - name), name);
        hid_t group = open_group(place, parent);
        good = group >= 0 && H5Gclose(group) >= 0;
    }
    return good;
}

static bool put_attribute(hid_t group, const apd_part_attribute *attribute, hid_t *open) {
    hid_t type = apd_file_type(&attribute->shape), memory = apd_memory_type(&attribute->shape);
    hid_t space = apd_shape_space(&attribute->shape), made = -1;
    if (type >= 0 && memory >= 0 && space >= 0)
        made = H5Acreate2(group, attribute->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = made >= 0 && H5Awrite(made, memory, attribute->value) >= 0;
    if (open != NULL)
        *open = made;
    else if (made >= 0)
        (void)H5Aclose(made);
    apd_types_close(type, memory, space);
    return good;
}

/* Allocate an array in the file; `*at` is its offset, -1 when it is empty. */
static bool put_array(hid_t group, const apd_part_array *array, int64_t *at) {
    hid_t type = apd_file_type(&array->shape), space = apd_shape_space(&array->shape), set = -1;
    hid_t make = H5Pcreate(H5P_DATASET_CREATE);
    if (type >= 0 && space >= 0 && make >= 0 && make_parents(group, array->name) &&
        H5Pset_obj_track_times(make, false) >= 0 && H5Pset_layout(make, H5D_CONTIGUOUS) >= 0 &&
        H5Pset_alloc_time(make, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(make, H5D_FILL_TIME_NEVER) >= 0)
        set = H5Dcreate2(group, array->name, type, space, H5P_DEFAULT, make, H5P_DEFAULT);
    haddr_t offset = set >= 0 ? H5Dget_offset(set) : HADDR_UNDEF;
    *at = apd_shape_bytes(&array->shape) == 0 || offset == HADDR_UNDEF ? -1 : (int64_t)offset;
    apd_types_close(type, make, space);
    return set >= 0 && H5Dclose(set) >= 0;
}

static bool put_links(hid_t file, const apd_part_link *links, int64_t first, int64_t count) {
    char object[80];
    for (int64_t i = first; i < count; i++) {
        (void)snprintf(object, sizeof object, "/%s", links[i].object);
        if (!make_parents(file, links[i].object) ||
            H5Lcreate_external(links[i].file, object, file, links[i].object, H5P_DEFAULT, H5P_DEFAULT) < 0)
            return false;
    }
    return true;
}

/* Create groups, attributes and arrays, with digests of zero so far. False when HDF5 fails. `*again`: arrays do not lie one
 * behind the other, as metadata did not fit in front of them. */
static bool put_groups(apd_part_writer *writer, bool *again) {
    const apd_part_plan *plan = writer->plan;
    static const uint64_t zero = 0;
    const apd_part_attribute digest = {"digest", {.number = APD_U64}, &zero};
    hid_t *groups = apd_allocate(plan->group_count, sizeof *groups, "groups");
    bool good = true;
    for (int g = 0; g < plan->group_count && good; g++) {
        const apd_part_group *group = &plan->groups[g];
        groups[g] = make_parents(writer->memory, group->name) ? open_group(writer->memory, group->name) : -1;
        good = groups[g] >= 0;
        for (int a = 0; a < group->attribute_count && good; a++)
            good = put_attribute(groups[g], &group->attributes[a], NULL);
        good = good && put_attribute(groups[g], &digest, &writer->digest_attributes[g]);
    }
    for (int g = 0; g < plan->group_count; g++) {
        for (int a = 0; a < plan->groups[g].array_count && good; a++) {
            const apd_part_array *array = &plan->groups[g].arrays[a];
            int64_t at;
            good = put_array(groups[g], array, &at);
            if (at < 0)
                continue;
            writer->front = writer->front == 0 ? at : writer->front;
            writer->size = writer->size == 0 ? at : writer->size;
            *again = *again || at != writer->size;
            writer->size = at + apd_shape_bytes(&array->shape);
        }
        if (groups[g] > 0)
            (void)H5Gclose(groups[g]);
    }
    free(groups);
    return good;
}

static void close_memory(apd_part_writer *writer) {
    for (int g = 0; g < writer->group_count; g++) {
        if (writer->digest_attributes[g] >= 0)
            (void)H5Aclose(writer->digest_attributes[g]);
        writer->digest_attributes[g] = -1;
    }
    if (writer->memory >= 0)
        (void)H5Fclose(writer->memory);
    writer->memory = -1;
    apd_h5_memory_clear(&writer->bytes);
}

/* The size that HDF5 gives the file. */
static int64_t memory_size(hid_t file) {
    hsize_t size = 0;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || H5Fget_filesize(file, &size) < 0)
        return -1;
    return (int64_t)size;
}

static bool try_front(apd_part_writer *writer, int64_t block, bool *again) {
    const apd_part_plan *plan = writer->plan;
    writer->front = writer->size = 0;
    *again = false;
    writer->memory = open_memory(plan->begin, block, &writer->bytes);
    bool good = writer->memory >= 0 &&
                put_links(writer->memory, plan->links, plan->begin != NULL ? plan->begin->links : 0,
                          plan->link_count) &&
                put_groups(writer, again);
    int64_t size = good ? memory_size(writer->memory) : -1;
    if (writer->size == 0) /* no arrays */
        writer->front = writer->size = size;
    *again = *again || (good && size != writer->size);
    return good && size > 0;
}

static apd_status make_front(apd_part_writer *writer, apd_error *error) {
    int64_t block = estimate_front(writer->plan);
    bool again;
    for (int attempt = 0; attempt < 8; attempt++, block *= 2) {
        if (!try_front(writer, block, &again))
            break;
        if (!again)
            return APD_OK;
        close_memory(writer);
    }
    return fail_hdf5(writer->path, "describe its contents", error);
}

/* --- arrays ----------------------------------------------------------------------------------------------- */

static void note(apd_part_writer *writer) {
    if (writer->number == 0)
        writer->number = errno != 0 ? errno : EIO;
}

/* Start writeback of what has been written so far: the later fsync then has little left to do. */
static void begin_writeback(apd_part_writer *writer, int64_t count) {
    enum { ENOUGH = 4 << 20 };
    writer->waiting += count;
    if (writer->waiting < ENOUGH)
        return;
    writer->waiting = 0;
    (void)sync_file_range(writer->file, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static void write_at(apd_part_writer *writer, int64_t at, const unsigned char *bytes, int64_t count) {
    while (count > 0 && writer->number == 0) {
        errno = 0;
        size_t allowed = apd_fault_write((size_t)count);
        ssize_t put = allowed == 0 ? -1 : pwrite(writer->file, bytes, allowed, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            note(writer);
            return;
        }
        at += put;
        bytes += put;
        count -= put;
        begin_writeback(writer, put);
    }
}

static void flush(apd_part_writer *writer) {
    write_at(writer, writer->at, writer->buffer, writer->filled);
    writer->at += writer->filled;
    writer->filled = 0;
}

/* Digest of a group: of the name, the shape and the numbers of each array. */
uint64_t apd_part_fold(uint64_t group, const apd_part_array *array, uint64_t numbers) {
    const apd_shape *shape = &array->shape;
    int64_t facts[5] = {(int64_t)shape->number, shape->number == APD_TEXT ? shape->text : 0, shape->rank,
                        shape->rank > 0 ? shape->extents[0] : 0, shape->rank > 1 ? shape->extents[1] : 0};
    group = apd_digest_join(group, apd_digest(array->name, strlen(array->name)));
    group = apd_digest_join(group, apd_digest(facts, sizeof facts));
    return apd_digest_join(group, numbers);
}

/* End a complete array and the empty ones after it, and begin the next. */
static void next_array(apd_part_writer *writer) {
    while (writer->left == 0 && writer->array < writer->count) {
        if (writer->current != NULL)
            writer->digests[writer->array++] = apd_digest_end(writer->current);
        writer->current = NULL;
        if (writer->array == writer->count)
            return;
        writer->current = apd_digest_begin();
        writer->left = writer->sizes[writer->array];
    }
}

/* At most BUFFER bytes of one array. A whole buffer is written without a copy, while it is in the cache. */
static void append(apd_part_writer *writer, const unsigned char *bytes, int64_t count) {
    apd_digest_add(writer->current, bytes, (size_t)count);
    writer->left -= count;
    if (count > BUFFER - writer->filled || count == BUFFER)
        flush(writer);
    if (count == BUFFER) {
        write_at(writer, writer->at, bytes, count);
        writer->at += count;
        return;
    }
    memcpy(writer->buffer + writer->filled, bytes, (size_t)count);
    writer->filled += count;
}

void apd_part_append(apd_part_writer *writer, const void *bytes, int64_t count) {
    const unsigned char *next = bytes;
    for (int64_t take; count > 0; next += take, count -= take) {
        take = count < writer->left ? count : writer->left;
        take = take < BUFFER ? take : BUFFER;
        APD_ASSERT(take > 0);
        append(writer, next, take);
        next_array(writer);
    }
}

/* --- beginning and end ------------------------------------------------------------------------------------ */

static apd_status fail_step(const apd_part_writer *writer, const char *step, apd_error *error) {
    return apd_fail_errno(error, writer->number, "%s: cannot %s", writer->path, step);
}

static void list_arrays(apd_part_writer *writer) {
    const apd_part_plan *plan = writer->plan;
    for (int g = 0; g < plan->group_count; g++)
        writer->count += plan->groups[g].array_count;
    writer->arrays = apd_allocate(writer->count, sizeof *writer->arrays, "a file's arrays");
    writer->sizes = apd_allocate(writer->count, sizeof *writer->sizes, "arrays' sizes");
    writer->digests = apd_allocate(writer->count, sizeof *writer->digests, "arrays' digests");
    writer->count = 0;
    for (int g = 0; g < plan->group_count; g++)
        for (int a = 0; a < plan->groups[g].array_count; a++) {
            writer->sizes[writer->count] = apd_shape_bytes(&plan->groups[g].arrays[a].shape);
            writer->arrays[writer->count++] = &plan->groups[g].arrays[a];
        }
}

apd_status apd_part_create(const char *path, const apd_part_plan *plan, apd_part_writer **out,
                           apd_error *error) {
    apd_part_writer *writer = apd_allocate(1, sizeof *writer, "a file of the checkpoint");
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    writer->path = apd_duplicate_text(path);
    writer->plan = plan;
    writer->file = -1;
    writer->memory = -1;
    writer->group_count = plan->group_count;
    writer->digest_attributes = apd_allocate(plan->group_count, sizeof(hid_t), "groups");
    for (int g = 0; g < plan->group_count; g++)
        writer->digest_attributes[g] = -1;
    list_arrays(writer);
    apd_status status;
    APD_GO(make_front(writer, error));
    writer->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->file < 0) {
        status = errno == EEXIST
                     ? apd_fail(error, APD_ERROR_LOCKED, "%s: another job has made this file", path)
                     : apd_fail_errno(error, errno, "%s: cannot create the file", path);
        goto out;
    }
    apd_fault_point("file.created");
    writer->buffer = apd_allocate_bytes(BUFFER, "a file's buffer");
    writer->at = writer->front;
    next_array(writer);
    *out = writer;
    return APD_OK;
out:
    apd_part_destroy(writer);
    return status;
}

static void end_sync(apd_part_writer *writer) {
    if (writer->waits)
        (void)pthread_join(writer->syncing, NULL);
    writer->waits = false;
}

void apd_part_destroy(apd_part_writer *writer) {
    if (writer == NULL)
        return;
    end_sync(writer);
    close_memory(writer);
    if (writer->current != NULL)
        (void)apd_digest_end(writer->current);
    if (writer->file >= 0) {
        (void)close(writer->file);
        if (!writer->stays)
            (void)unlink(writer->path);
    }
    free(writer->buffer);
    free(writer->digests);
    free(writer->arrays);
    free(writer->sizes);
    free(writer->digest_attributes);
    free(writer->path);
    free(writer);
}

/* --- read back -------------------------------------------------------------------------------------------- */

/* The digest of `count` bytes at `at`. False, with errno, when the system refuses or there are fewer. */
static bool digest_range(int file, int64_t at, int64_t count, unsigned char *buffer, uint64_t *digest) {
    apd_digest_stream *stream = apd_digest_begin();
    ssize_t got = 1;
    while (count > 0 && got > 0) {
        errno = 0;
        got = pread(file, buffer, (size_t)(count < BUFFER ? count : BUFFER), (off_t)at);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got > 0) {
            apd_digest_add(stream, buffer, (size_t)got);
            at += got;
            count -= got;
        }
    }
    *digest = apd_digest_end(stream);
    return count == 0;
}

static apd_status read_back(const apd_part_writer *writer, apd_error *error) {
    unsigned char *buffer = apd_allocate_bytes(BUFFER, "a file's buffer");
    uint64_t digest;
    bool read = digest_range(writer->file, APD_PART_HEADER, writer->front - APD_PART_HEADER, buffer, &digest);
    bool same = digest == writer->digest;
    int64_t at = writer->front;
    for (int64_t a = 0; a < writer->count && read && same; a++) {
        read = digest_range(writer->file, at, writer->sizes[a], buffer, &digest);
        same = digest == writer->digests[a];
        at += writer->sizes[a];
    }
    int number = errno;
    free(buffer);
    if (!read && number != 0)
        return apd_fail_errno(error, number, "%s: cannot read it back", writer->path);
    if (!read || !same)
        return apd_fail(error, APD_ERROR_IO, "%s: the disk returns other bytes than were written",
                        writer->path);
    return APD_OK;
}

static void *bring_to_disk(void *context) {
    apd_part_writer *writer = context;
    writer->synced = apd_sync_file(writer->file, writer->path, &writer->sync_error);
    return NULL;
}

static void group_digests(const apd_part_writer *writer, uint64_t *digests) {
    const apd_part_plan *plan = writer->plan;
    int64_t next = 0;
    for (int g = 0; g < plan->group_count; g++) {
        digests[g] = 0;
        for (int a = 0; a < plan->groups[g].array_count; a++, next++)
            digests[g] = apd_part_fold(digests[g], writer->arrays[next], writer->digests[next]);
    }
}

/* HDF5's bytes of the front; NULL when HDF5 fails. */
static const unsigned char *front_bytes(apd_part_writer *writer, const uint64_t *digests) {
    for (int g = 0; g < writer->plan->group_count; g++)
        if (H5Awrite(writer->digest_attributes[g], H5T_NATIVE_UINT64, &digests[g]) < 0)
            return NULL;
    if (memory_size(writer->memory) != writer->size)
        return NULL;
    apd_h5_memory_reserve(&writer->bytes, writer->front);
    return writer->bytes.bytes;
}

apd_status apd_part_finish(apd_part_writer *writer, uint64_t *digests, int64_t *bytes, uint64_t *digest,
                           apd_error *error) {
    char header[APD_PART_HEADER] = {0};
    APD_ASSERT(writer->array == writer->count);
    flush(writer);
    group_digests(writer, digests);
    const unsigned char *front = front_bytes(writer, digests);
    if (front == NULL)
        return fail_hdf5(writer->path, "describe its contents", error);
    writer->digest = apd_digest(front + APD_PART_HEADER, (size_t)(writer->front - APD_PART_HEADER));
    (void)snprintf(header, sizeof header,
                   "%s %d\ncommit %" PRId32 "\nfront %" PRId64 "\nbytes %" PRId64 "\ndigest %016" PRIx64 "\n",
                   APD_PART_FORMAT, APD_PART_VERSION, writer->plan->commit, writer->front, writer->size,
                   writer->digest);
    write_at(writer, 0, (const unsigned char *)header, sizeof header);
    write_at(writer, APD_PART_HEADER, front + APD_PART_HEADER, writer->front - APD_PART_HEADER);
    apd_fault_point("file.written");
    if (writer->number != 0)
        return fail_step(writer, "write", error);
    close_memory(writer);
    free(writer->buffer);
    writer->buffer = NULL;
    *bytes = writer->size;
    *digest = writer->digest;
    writer->waits = apd_thread_start(&writer->syncing, "apd-sync", bring_to_disk, writer) == 0;
    if (!writer->waits) /* no thread could be started */
        (void)bring_to_disk(writer);
    return APD_OK;
}

/* The file is read back while it is synced, so mostly from the page cache: that finds faults of this program, the kernel and the
 * file system, not of the disk. */
apd_status apd_part_wait(apd_part_writer *writer, apd_error *error) {
    apd_status status = read_back(writer, error);
    end_sync(writer);
    apd_fault_point("file.synced");
    if (status != APD_OK || writer->synced == APD_OK)
        return status;
    return apd_fail(error, writer->synced, "%s", writer->sync_error.message);
}

void apd_part_keep(apd_part_writer *writer) {
    writer->stays = true;
}

apd_status apd_part_image_make(const apd_part_link *links, int64_t count, apd_part_image *image,
                               apd_error *error) {
    apd_h5_memory bytes = {0};
    hid_t file = open_memory(NULL, 4096 + 96 * count, &bytes);
    bool good = file >= 0 && put_links(file, links, 0, count);
    int64_t size = good ? memory_size(file) : -1;
    if (size > 0) {
        apd_h5_memory_reserve(&bytes, size);
        *image = (apd_part_image){count, apd_allocate_bytes(size, "links"), size};
        memcpy(image->bytes, bytes.bytes, (size_t)size);
    }
    if (file >= 0)
        (void)H5Fclose(file);
    apd_h5_memory_clear(&bytes);
    return size > 0 ? APD_OK : fail_hdf5("checkpoint.h5", "link to tasks", error);
}
