/* random: counter-based random numbers, so that a number depends on what it is for, not on who asks when.
 *
 * Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; the Random123
 * library). The key is the run's seed. The counter is (index, a, b, purpose): a stream is named by what it is
 * for and by two more numbers (a task, an epoch, a sample: the purpose's business), and number i of a stream
 * is a pure function of all these. Nothing has a state that would have to be saved, and nothing depends on
 * ranks. */
#ifndef APD_BASE_RANDOM_H
#define APD_BASE_RANDOM_H

#include <stdint.h>

/* Never reorder: a run's numbers depend on these values. Append only. */
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
    APD_RANDOM_KMEANS = 13 /* a: parameter block, b: consolidation */
} apd_random_purpose;

typedef struct apd_random {
    uint64_t seed;
    uint32_t a, b;
    uint32_t purpose;
} apd_random;

apd_random apd_random_stream(uint64_t seed, apd_random_purpose purpose, uint32_t a, uint32_t b);

/* The block's four 32-bit numbers: numbers 4*index .. 4*index+3 of the stream. */
void apd_random_block(const apd_random *random, uint32_t index, uint32_t out[4]);

/* Number `index` of the stream, all 32 bits random. index < 2^34. */
uint32_t apd_random_bits(const apd_random *random, int64_t index);

/* Uniform in [0, 1), a multiple of 2^-24. */
float apd_random_uniform(const apd_random *random, int64_t index);

/* `count` standard normal numbers (Box-Muller in double, rounded to float), numbers first .. first+count-1. */
void apd_random_normal(const apd_random *random, int64_t first, int64_t count, float *out);

/* Uniform in 0 .. bound-1, unbiased to 2^-32; uses numbers 2*index and 2*index+1. 1 <= bound < 2^32. */
int64_t apd_random_below(const apd_random *random, int64_t index, int64_t bound);

/* A uniform permutation of 0 .. count-1 (Fisher-Yates). */
void apd_random_permutation(const apd_random *random, int64_t count, int64_t *out);

#endif
