/* inflate: files that may be compressed, read as one stream of bytes.
 *
 * Plain, gzip and xz files are told apart by their first bytes, not by their names. A compressed file that
 * ends early or fails its own checksum is a DATA error, never a short read. Several gzip members or xz
 * streams in one file are read one after the other. All calls are local. */
#ifndef APD_IO_IMAGES_INFLATE_H
#define APD_IO_IMAGES_INFLATE_H

#include "base/status.h"

#include <stdint.h>

typedef struct apd_inflate apd_inflate;

/* Statuses: IO; DATA for what is no plain file. */
apd_status apd_inflate_open(const char *path, apd_inflate **out, apd_error *error);
void apd_inflate_close(apd_inflate *stream); /* Takes NULL. */

/* Read `count` bytes; `*got` is less only at the end. Statuses: IO, DATA (damaged or cut short). */
apd_status apd_inflate_read(apd_inflate *stream, void *bytes, int64_t count, int64_t *got, apd_error *error);

/* The whole of a file that may unpack to `limit` bytes at most: `*bytes` (free it) and `*count`. */
apd_status apd_inflate_file(const char *path, int64_t limit, uint8_t **bytes, int64_t *count,
                            apd_error *error);

/* The path of `name`, `name`.gz or `name`.xz in `folder`, the first that is there; NULL when none is. Free
 * it. */
char *apd_inflate_find(const char *folder, const char *name);

#endif
