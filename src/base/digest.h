/* digest: 64-bit digests of bytes (XXH3 of the xxHash library).
 *
 * They detect damage, not forgery. The digest of a set of parameters is made of row digests in row order, so that it does
 * not depend on which rank holds which row. */
#ifndef APD_BASE_DIGEST_H
#define APD_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* The digest of `count` bytes. */
uint64_t apd_digest(const void *bytes, size_t count);

/* The same for bytes that come in parts: begin, add, ..., end. end frees the stream. */
typedef struct apd_digest_stream apd_digest_stream;
apd_digest_stream *apd_digest_begin(void);
void apd_digest_add(apd_digest_stream *stream, const void *bytes, size_t count);
uint64_t apd_digest_end(apd_digest_stream *stream);

/* Extend the digest of a sequence, 0 for an empty one, by the digest of the next element. */
uint64_t apd_digest_join(uint64_t sequence, uint64_t element);

#endif
