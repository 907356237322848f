#include "mpi/gram/sums.h"

#include "base/memory.h"
#include "network/partition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BITS 62        /* of the longest vector's rounded squared length */
#define NORM_BITS   20        /* of a row's squared length while k is chosen */
#define CHUNK       (1 << 20) /* sums a reduction */

/* --- rounding ---------------------------------------------------------------------------------------- */

/* Squared lengths of the local rows, (N, rows). */
static double *row_norms(const apd_gram_source *source) {
    int32_t *columns = apd_allocate(source->cols, sizeof *columns, "a vector's row");
    double *values = apd_allocate(source->cols, sizeof *values, "a vector's row");
    double *norms = apd_allocate(source->vectors * source->rows, sizeof *norms, "lengths of rows");
    for (int v = 0; v < source->vectors; v++)
        for (int64_t r = 0; r < source->rows; r++) {
            double norm = 0.0;
            int64_t count = source->row(source->context, v, r, columns, values);
            for (int64_t k = 0; k < count; k++)
                norm += values[k] * values[k];
            APD_ASSERT(isfinite(norm));
            norms[v * source->rows + r] = norm;
        }
    free(columns);
    free(values);
    return norms;
}

/* The least e with all norms of all ranks below 2^e; INT64_MIN if all are 0. Collective. */
static int64_t largest_exponent(const apd_team *team, const double *norms, int64_t count) {
    double largest = 0.0;
    int exponent = 0;
    for (int64_t k = 0; k < count; k++)
        largest = norms[k] > largest ? norms[k] : largest;
    (void)frexp(largest, &exponent);
    int64_t highest = largest > 0.0 ? exponent : INT64_MIN;
    apd_team_maximum(team, &highest, 1);
    return highest;
}

static int bit_length(int64_t value) {
    int bits = 0;
    for (; value > 0; value >>= 1)
        bits++;
    return bits;
}

/* k, from an upper bound of squared lengths that does not depend on which rank has a row: rows' squared lengths are
 * rounded up to multiples of 2^(e-NORM_BITS) and added as whole numbers. Collective. */
static int choose_exponent(const apd_team *team, const apd_gram_source *source) {
    double *norms = row_norms(source);
    int64_t e = largest_exponent(team, norms, source->vectors * source->rows), longest = 0;
    int64_t *lengths = apd_allocate(source->vectors, sizeof *lengths, "lengths of vectors");
    if (e != INT64_MIN) {
        for (int v = 0; v < source->vectors; v++)
            for (int64_t r = 0; r < source->rows; r++)
                lengths[v] += (int64_t)ceil(ldexp(norms[v * source->rows + r], NORM_BITS - (int)e));
        apd_team_sum(team, lengths, source->vectors);
    }
    for (int v = 0; v < source->vectors; v++)
        longest = lengths[v] > longest ? lengths[v] : longest;
    free(lengths);
    free(norms);
    /* squared lengths < 2^(bits + e - NORM_BITS), with a little to spare so that no rounded value reaches
     * 2^31; k fills the rest up to LENGTH_BITS */
    int room = LENGTH_BITS + NORM_BITS - bit_length(longest + (longest >> NORM_BITS) + 1) - (int)e;
    return longest == 0 ? 0 : room;
}

/* --- reuse ------------------------------------------------------------------------------------------- */

/* The number of vectors whose products in `former` can be reused. */
static int known_vectors(const apd_gram_sums *sums, const apd_gram_source *source,
                         const apd_gram_sums *former) {
    if (former == NULL || source->changed == NULL || former->exponent != sums->exponent)
        return 0;
    return former->vectors < sums->vectors ? former->vectors : sums->vectors;
}

/* Every rank copies what its share has; the sum over ranks completes it. */
static void reuse(apd_gram_sums *sums, const apd_gram_sums *former, const bool *changed, int known) {
    for (int i = 0; i < known; i++) {
        int64_t old_row = apd_gram_row_start(former->vectors, i);
        int64_t new_row = apd_gram_row_start(sums->vectors, i);
        for (int j = i; j < known && !changed[i]; j++)
            if (!changed[j] && old_row + j >= former->begin && old_row + j < former->end)
                sums->sums[new_row + j] = former->sums[old_row + j - former->begin];
    }
}

/* --- the triangle ------------------------------------------------------------------------------------ */

static void add_rows(apd_gram_sums *sums, const apd_gram_source *source, int known) {
    apd_gram_row row;
    apd_gram_row_init(&row, source, source->changed, known);
    for (int64_t r = 0; r < source->rows; r++) {
        apd_gram_row_read(&row, source, r, sums->exponent);
        apd_gram_row_add(&row, sums->sums);
    }
    apd_gram_row_clear(&row);
}

void apd_gram_sums_build(apd_gram_sums *sums, const apd_team *team, const apd_gram_source *source,
                         const apd_gram_sums *former) {
    *sums = (apd_gram_sums){.vectors = source->vectors, .end = apd_gram_triangle(source->vectors)};
    sums->sums = apd_allocate(sums->end, sizeof *sums->sums, "inner products of tasks");
    sums->exponent = choose_exponent(team, source);
    int known = known_vectors(sums, source, former);
    reuse(sums, former, source->changed, known);
    add_rows(sums, source, known);
    for (int64_t at = 0; at < sums->end; at += CHUNK)
        apd_team_sum(team, sums->sums + at, (int)(sums->end - at < CHUNK ? sums->end - at : CHUNK));
}

void apd_gram_sums_share(apd_gram_sums *sums, const apd_team *team) {
    apd_rows share = apd_part(sums->end, apd_team_size(team), apd_team_rank(team));
    int64_t count = share.end - share.begin;
    int64_t *kept = apd_allocate(count, sizeof *kept, "inner products of tasks");
    if (count > 0)
        memcpy(kept, sums->sums + share.begin, (size_t)count * sizeof *kept);
    free(sums->sums);
    sums->sums = kept;
    sums->begin = share.begin;
    sums->end = share.end;
}

void apd_gram_sums_clear(apd_gram_sums *sums) {
    free(sums->sums);
    *sums = (apd_gram_sums){0};
}
