/* random: counter-based random numbers: a number depends on its purpose and index, not on the order of calls.
 *
 * Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) of the Random123 library. The key is
 * the seed of the run, the counter is (index, a, b, purpose). A stream is named by its purpose and two numbers a and b whose
 * meaning depends on it; number i of a stream is a function of all of these. There is no state to save, and nothing depends
 * on ranks. */
#ifndef APD_BASE_RANDOM_H
#define APD_BASE_RANDOM_H

#include <stdint.h>

/* Append only: the numbers of a run depend on these values. */
typedef enum apd_random_purpose {
    APD_RANDOM_INITIAL_WEIGHTS = 1, /* a: parameter block, b: task (0 for sigma) */
    APD_RANDOM_HEAD_WEIGHTS = 2,    /* a: task */
    APD_RANDOM_SPLIT = 3,           /* a: task; validation share */
    APD_RANDOM_SHARD_DEAL = 4,      /* a: task */
    APD_RANDOM_EPOCH_ORDER = 5, /* a: task + (epoch / 65536) * 2^20, b: (epoch mod 65536) * 65536 + shard */
    APD_RANDOM_AUGMENT = 6,     /* a: task, b: epoch; index: sample */
    APD_RANDOM_DROPOUT = 7,     /* a: task, b: step; index: (layer, shard, element) */
    APD_RANDOM_TASK_ORDER = 8,
    APD_RANDOM_CLASS_ORDER = 9,
    APD_RANDOM_PIXEL_PERMUTATION = 10, /* a: task */
    APD_RANDOM_GENERATE = 11,          /* a: class, b: sample */
    APD_RANDOM_TEST = 12,
    APD_RANDOM_KMEANS = 13,     /* a: parameter block, b: consolidation */
    APD_RANDOM_SCORES = 14,     /* a: parameter block */
    APD_RANDOM_BATCH_ORDER = 15 /* a: task, b: epoch */
} apd_random_purpose;

#define APD_RANDOM_NUMBERS (INT64_C(1) << 34) /* numbers of a stream */

typedef struct apd_random {
    uint64_t seed;
    uint32_t a, b;
    uint32_t purpose;
} apd_random;

apd_random apd_random_stream(uint64_t seed, apd_random_purpose purpose, uint32_t a, uint32_t b);

/* Numbers 4*index .. 4*index+3 of the stream, 32 bits each. */
void apd_random_block(const apd_random *random, uint32_t index, uint32_t out[4]);

/* Number `index` of the stream, 32 bits. 0 <= index < APD_RANDOM_NUMBERS. */
uint32_t apd_random_bits(const apd_random *random, int64_t index);

/* Uniform in [0, 1), a multiple of 2^-24. */
float apd_random_uniform(const apd_random *random, int64_t index);

/* Standard normal numbers first .. first+count-1 (Box-Muller in double, rounded to float). */
void apd_random_normal(const apd_random *random, int64_t first, int64_t count, float *out);

/* Uniform in 0 .. bound-1, 1 <= bound < 2^32, with a bias below 2^-32. Uses numbers 2*index and 2*index+1. */
int64_t apd_random_below(const apd_random *random, int64_t index, int64_t bound);

/* A uniform permutation of 0 .. count-1 (Fisher-Yates). */
void apd_random_permutation(const apd_random *random, int64_t count, int64_t *out);

#endif
