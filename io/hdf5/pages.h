/* h5_pages: what a file must hold, noted while it is written, and held against the file when it is read back.
 *
 * HDF5 writes raw chunks once, by the megabyte, and pieces of metadata again and again. A page that one write covers
 * is remembered by its digest; one that is written in pieces, by its bytes. So a few hundredths of a large file lie
 * in memory, and reading it back costs what its bytes cost, however many objects HDF5 has made of them. */
#ifndef APD_IO_HDF5_PAGES_H
#define APD_IO_HDF5_PAGES_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_h5_page apd_h5_page;

/* Start with {0}. */
typedef struct apd_h5_pages {
    int64_t count;      /* room */
    apd_h5_page *pages; /* owned */
    int64_t size;       /* of the file when it was closed */
} apd_h5_pages;

void apd_h5_pages_clear(apd_h5_pages *pages);

/* `size` bytes were written at `address` of the file open at `descriptor`. */
void apd_h5_pages_note(apd_h5_pages *pages, int descriptor, int64_t address, int64_t size, const void *bytes);

/* Read the file open at `descriptor` back and compare its size and bytes; those that were never written may be anything.
 * `synced`: it was synced, and the system is asked to drop it from its page cache first (posix_fadvise), so that the
 * bytes come from the disk, or from the server. Then this
 *
 * Finds  wrong bytes of HDF5, the driver, the kernel, the file system, or the way to the disk; a full disk that was told
 *        late; a disk that returns other bytes than it got.
 * Not    what a cache further down answers for the medium: the disk's own, a server's, a virtual machine's host. Where
 *        the system keeps the pages all the same (tmpfs; pages that are being read by another process) they are
 *        compared in memory.
 * Local. Statuses: IO or REQUEUE, naming `path`, when a byte differs or reading fails. */
apd_status apd_h5_pages_check(const apd_h5_pages *pages, int descriptor, bool synced, const char *path,
                              apd_error *error);

#endif
