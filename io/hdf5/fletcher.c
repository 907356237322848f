#include "io/hdf5/fletcher.h"

#include <string.h>

/* Words are summed a block at a time: within a block of n words w_0 .. w_n-1 the second sum grows by n times the
 * first plus sum of (n - i) * w_i, which the compiler does in vectors. 32 * 65535 * 32 stays far below 2^32. */
enum { WORDS = 32, BLOCKS = 256 };

static uint64_t fold(uint64_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* The sum of the block's words and of their products with WORDS - i. */
static void sum_block(const unsigned char *bytes, uint32_t *plain, uint32_t *weighted) {
    uint16_t words[WORDS];
    uint32_t first = 0, second = 0;
    memcpy(words, bytes, sizeof words);
    for (uint32_t i = 0; i < WORDS; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint32_t word = (uint16_t)(words[i] << 8 | words[i] >> 8);
#else
        uint32_t word = words[i];
#endif
        first += word;
        second += (WORDS - i) * word;
    }
    *plain = first;
    *weighted = second;
}

uint32_t apd_fletcher32(const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    size_t words = count / 2;
    uint64_t first = 0, second = 0;
    while (words >= WORDS) {
        size_t blocks = words / WORDS < BLOCKS ? words / WORDS : BLOCKS;
        for (size_t b = 0; b < blocks; b++, next += 2 * WORDS) {
            uint32_t plain, weighted;
            sum_block(next, &plain, &weighted);
            second += WORDS * first + weighted;
            first += plain;
        }
        words -= blocks * WORDS;
        first = fold(first);
        second = fold(second);
    }
    for (; words > 0; words--, next += 2) {
        first += (uint64_t)next[0] << 8 | next[1];
        second += first;
        first = fold(first);
        second = fold(second);
    }
    return (uint32_t)(second << 16 | first);
}
