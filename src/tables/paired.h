/* paired: two lines of a table over the same orders and seeds.
 *
 *     d_i = acc(first, order and seed i) - acc(second, order and seed i),   i = 1 .. n
 *
 * and their mean, the deviation of the sample, and the p-value of Fisher's randomisation test (The Design of Experiments,
 * 1935, section 21): if the lines did not differ, each d_i would be as likely as -d_i, so
 *
 *     p = #{s in {-1, 1}^n : |sum_i s_i d_i| >= |sum_i d_i|} / 2^n.
 *
 * It is exact and two-sided, and assumes no distribution; so few pairs as these have none that could be checked. Its least
 * value is 2 / 2^n: three pairs cannot show a difference at 5 %, six can. p is not corrected for the number of comparisons.
 * The sums of both halves of the pairs are sorted and matched, so that n = 40 takes 2^20 sums and not 2^40. Local. */
#ifndef APD_TABLES_PAIRED_H
#define APD_TABLES_PAIRED_H

#include "tables/side.h"

enum { APD_PAIRS_MOST = 40 };

typedef struct apd_paired {
    int pairs;              /* n */
    double mean, deviation; /* NaN without pairs; deviation: with fewer than two */
    double p;               /* NaN without pairs, or with more than APD_PAIRS_MOST */
    int wins;               /* pairs with d > 0 */
} apd_paired;

/* Compare two lines of the side: runs with the same order of tasks and the same seed are a pair. */
apd_paired apd_pair_lines(const apd_side *side, const apd_line *first, const apd_line *second);

/* p of `count` differences, 0 <= count <= APD_PAIRS_MOST; NaN for none. Sums that differ by rounding alone are equal. */
double apd_sign_flip_p(const double *differences, int count);

#endif
