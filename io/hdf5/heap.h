/* h5_heap: texts of variable length, read past HDF5.
 *
 * An element of such a data set is a length and a place in a "global heap" of the file. HDF5 trusts both: it copies
 * as many bytes as the heap says into room for as many as the element says, and from wherever the element points
 * to (1.10.8; memory is then damaged without a sign). The format is simple and stable, so it is read here, with
 * every number held against the file (HDF5 file format specification, III.E).
 * What is not read: heaps of files with a user block or with addresses of other than 8 bytes, which nobody makes by
 * accident. Local. */
#ifndef APD_IO_HDF5_HEAP_H
#define APD_IO_HDF5_HEAP_H

#include "base/status.h"

#include <stdint.h>

/* The `count` texts whose elements lie one after the other at byte `place` of the file `path`, into `texts` (each
 * to be freed, on failure too). None longer than `longest` bytes, all together not than `most`. `where` is for
 * messages. Statuses: IO, DATA. */
apd_status apd_h5_heap_texts(const char *path, const char *where, int64_t place, int64_t count,
                             int64_t longest, int64_t most, char **texts, apd_error *error);

#endif
