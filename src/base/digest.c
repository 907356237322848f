#include "base/digest.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <xxhash.h>
#pragma GCC diagnostic pop

#include "base/memory.h"

#include <stdlib.h>

uint64_t apd_digest(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}

struct apd_digest_stream {
    XXH3_state_t state; /* aligned to 64 bytes */
};

apd_digest_stream *apd_digest_begin(void) {
    apd_digest_stream *stream = apd_allocate_bytes(sizeof *stream, "a digest");
    (void)XXH3_64bits_reset(&stream->state);
    return stream;
}

void apd_digest_add(apd_digest_stream *stream, const void *bytes, size_t count) {
    (void)XXH3_64bits_update(&stream->state, bytes, count);
}

uint64_t apd_digest_end(apd_digest_stream *stream) {
    uint64_t digest = XXH3_64bits_digest(&stream->state);
    free(stream);
    return digest;
}

uint64_t apd_digest_join(uint64_t sequence, uint64_t element) {
    uint64_t pair[2] = {sequence, element};
    return XXH3_64bits(pair, sizeof pair);
}
