#include "io/hdf5/heap.h"

#include "base/memory.h"
#include "io/hdf5/read_driver.h"
#include "io/system/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ELEMENT = 16, HEAD = 16, ENTRY = 16 }; /* bytes: an element; a collection's head; an object's head */
#define LARGEST_COLLECTION (INT64_C(1) << 26)

typedef struct heap_file {
    int file;
    const char *path;
    int64_t file_bytes;
    int64_t place;  /* of the collection that is in memory; 0: none */
    int64_t size;   /* its bytes */
    uint8_t *bytes; /* (size) */
} heap_file;

static uint64_t little_endian(const uint8_t *bytes, int count) {
    uint64_t number = 0;
    for (int i = count - 1; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

/* All of it; false when the file ends before, or the system refuses, which is noted. */
static bool read_at(const heap_file *heap, int64_t place, void *bytes, int64_t count) {
    for (int64_t done = 0; done < count;) {
        errno = 0;
        ssize_t got = pread(heap->file, (char *)bytes + done, (size_t)(count - done), (off_t)(place + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            apd_h5_note_refused(errno, heap->path);
        if (got <= 0)
            return false;
        done += got;
    }
    return true;
}

/* A collection is "GCOL", a version, and its size; objects follow. */
static bool load_collection(heap_file *heap, uint64_t place) {
    uint8_t head[HEAD];
    if (place == (uint64_t)heap->place)
        return true;
    if (place > (uint64_t)heap->file_bytes || !read_at(heap, (int64_t)place, head, HEAD) ||
        memcmp(head, "GCOL\1", 5) != 0)
        return false;
    uint64_t size = little_endian(head + 8, 8);
    if (size < HEAD || size > (uint64_t)heap->file_bytes - place || size > LARGEST_COLLECTION)
        return false;
    free(heap->bytes);
    heap->bytes = apd_allocate((int64_t)size, 1, "a heap of texts");
    heap->size = (int64_t)size;
    heap->place = (int64_t)place;
    return read_at(heap, heap->place, heap->bytes, heap->size);
}

/* An object is its number, uses, four bytes, its size and its bytes, up to a multiple of 8. Number 0 is the rest. */
static const uint8_t *find_object(const heap_file *heap, uint64_t number, uint64_t least) {
    for (int64_t at = HEAD; at + ENTRY <= heap->size;) {
        uint64_t here = little_endian(heap->bytes + at, 2), size = little_endian(heap->bytes + at + 8, 8);
        if (here == 0 || size > (uint64_t)(heap->size - at - ENTRY))
            return NULL;
        if (here == number)
            return size >= least ? heap->bytes + at + ENTRY : NULL;
        at += ENTRY + (int64_t)((size + 7) / 8 * 8);
    }
    return NULL;
}

/* An element is the text's length, its collection's place and its number there; place 0 is no text. */
static apd_status read_text(heap_file *heap, const char *where, int64_t index, const uint8_t *element,
                            int64_t longest, int64_t *rest, char **text, apd_error *error) {
    int64_t length = (int64_t)little_endian(element, 4);
    uint64_t place = little_endian(element + 4, 8);
    const uint8_t *from = (const uint8_t *)"";
    if (place == 0)
        length = 0;
    if (length > longest || length > *rest)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: text %" PRId64 " is too long: one can have %" PRId64
                        " bytes, and all together some more",
                        where, index, longest);
    if (length > 0 && load_collection(heap, place))
        from = find_object(heap, little_endian(element + 12, 4), (uint64_t)length);
    else if (length > 0)
        from = NULL;
    if (from == NULL)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: text %" PRId64 " is not where the file says: it is damaged", where, index);
    *text = apd_allocate(length + 1, 1, "a text");
    memcpy(*text, from, (size_t)length);
    *rest -= length;
    return APD_OK;
}

static apd_status read_texts(heap_file *heap, const char *where, int64_t place, int64_t count,
                             int64_t longest, int64_t most, char **texts, apd_error *error) {
    for (int64_t i = 0; i < count; i++) {
        uint8_t element[ELEMENT];
        if (!read_at(heap, place + ELEMENT * i, element, ELEMENT))
            return apd_fail(error, APD_ERROR_DATA, "%s: the file ends before text %" PRId64, where, i);
        APD_TRY(read_text(heap, where, i, element, longest, &most, &texts[i], error));
    }
    return APD_OK;
}

apd_status apd_h5_heap_texts(const char *path, const char *where, int64_t place, int64_t count,
                             int64_t longest, int64_t most, char **texts, apd_error *error) {
    struct stat facts;
    heap_file heap = {.path = path};
    APD_TRY(apd_file_open(path, &heap.file, error));
    if (fstat(heap.file, &facts) != 0) {
        apd_status status = apd_fail_errno(error, errno, "%s: cannot find its size", where);
        (void)close(heap.file);
        return status;
    }
    heap.file_bytes = (int64_t)facts.st_size;
    apd_status status = read_texts(&heap, where, place, count, longest, most, texts, error);
    free(heap.bytes);
    (void)close(heap.file);
    return apd_h5_check_refused(status, error);
}
