#include "base/random.h"

#include "base/status.h"

#include <math.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

apd_random apd_random_stream(uint64_t seed, apd_random_purpose purpose, uint32_t a, uint32_t b) {
    return (apd_random){.seed = seed, .a = a, .b = b, .purpose = (uint32_t)purpose};
}

void apd_random_block(const apd_random *random, uint32_t index, uint32_t out[4]) {
    philox4x32_ctr_t counter = {{index, random->a, random->b, random->purpose}};
    philox4x32_key_t key = {{(uint32_t)random->seed, (uint32_t)(random->seed >> 32)}};
    philox4x32_ctr_t value = philox4x32(counter, key);
    for (int lane = 0; lane < 4; lane++)
        out[lane] = value.v[lane];
}

uint32_t apd_random_bits(const apd_random *random, int64_t index) {
    APD_ASSERT(index >= 0 && index < APD_RANDOM_NUMBERS);
    uint32_t block[4];
    apd_random_block(random, (uint32_t)(index >> 2), block);
    return block[index & 3];
}

float apd_random_uniform(const apd_random *random, int64_t index) {
    return (float)(apd_random_bits(random, index) >> 8) * 0x1p-24f;
}

/* Numbers 2k and 2k+1 are the cosine and sine of one Box-Muller pair, made from bits 2k and 2k+1. */
static double normal_pair(const uint32_t bits[2], double *second) {
    double radius = sqrt(-2.0 * log(((double)bits[0] + 0.5) * 0x1p-32));
    double angle = 2.0 * 3.14159265358979323846 * ((double)bits[1] + 0.5) * 0x1p-32;
    *second = radius * sin(angle);
    return radius * cos(angle);
}

void apd_random_normal(const apd_random *random, int64_t first, int64_t count, float *out) {
    APD_ASSERT(first >= 0 && count >= 0 && first + count <= APD_RANDOM_NUMBERS);
    uint32_t block[4];
    double value[4];
    int64_t loaded = -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t index = first + i;
        if (index >> 2 != loaded) {
            loaded = index >> 2;
            apd_random_block(random, (uint32_t)loaded, block);
            value[0] = normal_pair(block, &value[1]);
            value[2] = normal_pair(block + 2, &value[3]);
        }
        out[i] = (float)value[index & 3];
    }
}

int64_t apd_random_below(const apd_random *random, int64_t index, int64_t bound) {
    APD_ASSERT(bound >= 1 && bound < (INT64_C(1) << 32));
    uint64_t bits =
        (uint64_t)apd_random_bits(random, 2 * index) << 32 | apd_random_bits(random, 2 * index + 1);
    return (int64_t)(((unsigned __int128)bits * (uint64_t)bound) >> 64);
}

void apd_random_permutation(const apd_random *random, int64_t count, int64_t *out) {
    for (int64_t i = 0; i < count; i++)
        out[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = apd_random_below(random, i, i + 1);
        int64_t swapped = out[i];
        out[i] = out[j];
        out[j] = swapped;
    }
}
