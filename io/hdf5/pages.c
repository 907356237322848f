#include "io/hdf5/pages.h"

#include "base/digest.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE  INT64_C(16384)
#define PIECE INT64_C(64) /* pages read at a time */

/* Neither a digest nor an image: nothing was written. */
struct apd_h5_page {
    bool whole;           /* one write covered it: */
    uint64_t digest;      /* of its bytes */
    unsigned char *image; /* (PAGE), zeros where nothing was written; else NULL */
};

void apd_h5_pages_clear(apd_h5_pages *pages) {
    for (int64_t p = 0; p < pages->count; p++)
        free(pages->pages[p].image);
    free(pages->pages);
    *pages = (apd_h5_pages){0};
}

static void make_room(apd_h5_pages *pages, int64_t count) {
    if (count <= pages->count)
        return;
    int64_t room = 2 * pages->count > count ? 2 * pages->count : count;
    pages->pages =
        apd_reallocate(pages->pages, pages->count, room, sizeof *pages->pages, "what a file must hold");
    pages->count = room;
}

/* As many of the `size` bytes at `address` as the file has. */
static int64_t read_some(int descriptor, int64_t address, int64_t size, unsigned char *bytes) {
    int64_t done = 0;
    while (done < size) {
        ssize_t got = pread(descriptor, bytes + done, (size_t)(size - done), (off_t)(address + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : done;
        done += got;
    }
    return done;
}

/* The page's bytes in memory. One that is known by its digest alone is read back; that it is what was written then
 * shows at the end no more, but for the part written now. */
static unsigned char *image_of(apd_h5_page *page, int descriptor, int64_t address) {
    if (page->image == NULL)
        page->image = apd_allocate(PAGE, 1, "a page of a file");
    if (page->whole)
        (void)read_some(descriptor, address, PAGE, page->image);
    page->whole = false;
    return page->image;
}

void apd_h5_pages_note(apd_h5_pages *pages, int descriptor, int64_t address, int64_t size,
                       const void *bytes) {
    const unsigned char *from = bytes;
    make_room(pages, (address + size + PAGE - 1) / PAGE);
    for (int64_t part; size > 0; size -= part, address += part, from += part) {
        apd_h5_page *page = &pages->pages[address / PAGE];
        int64_t offset = address % PAGE;
        part = PAGE - offset < size ? PAGE - offset : size;
        if (part < PAGE) {
            memcpy(image_of(page, descriptor, address - offset) + offset, from, (size_t)part);
            continue;
        }
        free(page->image);
        *page = (apd_h5_page){.whole = true, .digest = apd_digest(from, (size_t)PAGE)};
    }
}

/* `size` of its bytes were read; a file ends where it ends. */
static bool is_right(const apd_h5_page *page, const unsigned char *bytes, int64_t size) {
    if (page->whole)
        return size == PAGE && apd_digest(bytes, (size_t)PAGE) == page->digest;
    return page->image == NULL || memcmp(bytes, page->image, (size_t)size) == 0;
}

static apd_status compare(const apd_h5_pages *pages, int descriptor, unsigned char *bytes, const char *path,
                          apd_error *error) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return apd_fail_errno(error, errno, "%s: cannot read it back", path);
    if (facts.st_size != pages->size)
        return apd_fail(error, APD_ERROR_IO, "%s: has %" PRId64 " bytes where %" PRId64 " were written", path,
                        (int64_t)facts.st_size, pages->size);
    for (int64_t address = 0; address < pages->size; address += PIECE * PAGE) {
        int64_t got = read_some(descriptor, address, PIECE * PAGE, bytes);
        if (got < 0)
            return apd_fail_errno(error, errno, "%s: cannot read it back", path);
        for (int64_t at = 0, p = address / PAGE; at < got && p < pages->count; at += PAGE, p++)
            if (!is_right(&pages->pages[p], bytes + at, got - at < PAGE ? got - at : PAGE))
                return apd_fail(error, APD_ERROR_IO, "%s: holds other bytes at %" PRId64 " than were written",
                                path, p * PAGE);
    }
    return APD_OK;
}

apd_status apd_h5_pages_check(const apd_h5_pages *pages, int descriptor, bool synced, const char *path,
                              apd_error *error) {
    if (synced)
        (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    unsigned char *bytes = apd_allocate_bytes(PIECE * PAGE, "pages of a file");
    apd_status status = compare(pages, descriptor, bytes, path, error);
    free(bytes);
    return status;
}
