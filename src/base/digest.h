/* digest: 64-bit fingerprints of bytes (XXH3 of the xxHash library).
 *
 * Guards against damage, not against forgery. A digest of a parameter set is made of row digests in row
 * order, so that it does not depend on which rank held which row. */
#ifndef APD_BASE_DIGEST_H
#define APD_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t apd_digest(const void *bytes, size_t count);

/* The same of bytes that come a run at a time: begin, add..., end (which destroys it). */
typedef struct apd_digest_stream apd_digest_stream;
apd_digest_stream *apd_digest_begin(void);
void apd_digest_add(apd_digest_stream *stream, const void *bytes, size_t count);
uint64_t apd_digest_end(apd_digest_stream *stream);

/* The digest of a sequence: fold in the next element's digest. Start with 0. Order matters. */
uint64_t apd_digest_join(uint64_t sequence, uint64_t element);

#endif
