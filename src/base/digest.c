#include "base/digest.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <xxhash.h>
#pragma GCC diagnostic pop

uint64_t apd_digest(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}

uint64_t apd_digest_join(uint64_t sequence, uint64_t element) {
    uint64_t pair[2] = {sequence, element};
    return XXH3_64bits(pair, sizeof pair);
}
