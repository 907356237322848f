/* inflate: files that may be compressed, read whole.
 *
 * Plain, gzip and xz files are told apart by their first bytes, not by their names. A compressed file that ends early or
 * fails its own checksum is a DATA error, never a short read. Several gzip members or xz streams in one file are read one
 * after the other. Local. */
#ifndef APD_IO_IMAGES_INFLATE_H
#define APD_IO_IMAGES_INFLATE_H

#include "base/status.h"

#include <stdint.h>

/* Read all of a file, which may unpack to at most `limit` bytes, into `*bytes` (free it) and `*count`. Both are set on
 * success only. Statuses: IO; DATA (damaged, cut short, longer than `limit` or than memory holds, a pipe or device). */
apd_status apd_inflate_file(const char *path, int64_t limit, uint8_t **bytes, int64_t *count,
                            apd_error *error);

/* The path of the first of NAME, NAME.gz and NAME.xz that exists in `folder`, to be freed; NULL if none does. */
char *apd_inflate_find(const char *folder, const char *name);

#endif
