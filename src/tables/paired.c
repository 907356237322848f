#include "tables/paired.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static int rising(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* The sums of `count` numbers under all signs, rising: (2^count), to be freed. */
static double *all_sums(const double *numbers, int count) {
    int64_t filled = 1, total = (int64_t)1 << count;
    double *sums = apd_allocate(total, sizeof *sums, "sums of differences");
    for (int i = 0; i < count; i++, filled *= 2)
        for (int64_t k = 0; k < filled; k++) {
            sums[filled + k] = sums[k] + numbers[i];
            sums[k] -= numbers[i];
        }
    qsort(sums, (size_t)total, sizeof *sums, rising);
    return sums;
}

/* How many pairs (a, b) of two rising lists have a + b >= limit. */
static double count_above(const double *a, int64_t m, const double *b, int64_t n, double limit) {
    double found = 0.0;
    int64_t below = n;
    for (int64_t i = 0; i < m; i++) {
        while (below > 0 && a[i] + b[below - 1] >= limit)
            below--;
        found += (double)(n - below);
    }
    return found;
}

double apd_sign_flip_p(const double *differences, int count) {
    APD_ASSERT(count >= 0 && count <= APD_PAIRS_MOST);
    double sum = 0.0, size = 0.0;
    for (int i = 0; i < count; i++) {
        sum += differences[i];
        size += fabs(differences[i]);
    }
    if (count == 0)
        return NAN;
    double limit = fabs(sum) - 1e-12 * size;
    if (limit <= 0.0)
        return 1.0;
    int half = count / 2;
    double *a = all_sums(differences, half), *b = all_sums(differences + half, count - half);
    double above = count_above(a, (int64_t)1 << half, b, (int64_t)1 << (count - half), limit);
    free(a);
    free(b);
    return 2.0 * above / ldexp(1.0, count); /* the other sign mirrors every sum */
}

apd_paired apd_pair_lines(const apd_side *side, const apd_line *first, const apd_line *second) {
    apd_paired found = {.mean = NAN, .deviation = NAN, .p = NAN};
    double *d = apd_allocate(first->count, sizeof *d, "differences"), sum = 0.0, squares = 0.0;
    for (int i = 0; i < first->count; i++)
        for (int j = 0; j < second->count; j++) {
            int a = first->runs[i], b = second->runs[j];
            double difference = side->figures[a][APD_ACC] - side->figures[b][APD_ACC];
            if (side->order_of[a] != side->order_of[b] ||
                side->runs[a]->description->seed != side->runs[b]->description->seed || isnan(difference))
                continue;
            found.wins += difference > 0.0;
            sum += difference;
            d[found.pairs++] = difference;
            break;
        }
    if (found.pairs > 0)
        found.mean = sum / found.pairs;
    for (int i = 0; i < found.pairs; i++)
        squares += (d[i] - found.mean) * (d[i] - found.mean);
    if (found.pairs > 1)
        found.deviation = sqrt(squares / (found.pairs - 1));
    if (found.pairs <= APD_PAIRS_MOST)
        found.p = apd_sign_flip_p(d, found.pairs);
    free(d);
    return found;
}
