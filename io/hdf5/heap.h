/* heap: texts of variable length, read without HDF5.
 *
 * An element of such a data set is a length and a place in a "global heap" of the file. HDF5 trusts both: it copies as many
 * bytes as the heap says into memory for as many as the element says, from wherever the element points (1.10.8; it corrupts
 * memory silently). The format is simple and stable, so it is read here, and every number is compared with the file (HDF5
 * file format specification, III.E). Not read: heaps of files with a user block or with addresses of other than 8 bytes.
 * Local. */
#ifndef APD_IO_HDF5_HEAP_H
#define APD_IO_HDF5_HEAP_H

#include "base/status.h"

#include <stdint.h>

/* Read the `count` texts whose elements lie one after the other at byte `place` of the file `path` into `texts`; each is to
 * be freed, on failure, too. A text has at most `longest` bytes, all together `most`. `where` is for messages. Statuses:
 * DATA; IO and REQUEUE when the system refuses to read. */
apd_status apd_h5_heap_texts(const char *path, const char *where, int64_t place, int64_t count,
                             int64_t longest, int64_t most, char **texts, apd_error *error);

#endif
