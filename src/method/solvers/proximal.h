/* proximal: the one-dimensional problem that remains of the old tasks for each weight of sigma.
 *
 * With the old tau_i eliminated in closed form, a weight of sigma moves to
 *     argmin_s (s - z)^2/(2*eta) + sum_i h_i(s),
 * where h_i is the Huber function of the distance from task i's breakpoint p_i = (theta_i - sigma_g)/m_i:
 *     h_i'(s) = 2*lambda2*m_i^2*(s - p_i)   where |s - p_i| <= lambda1/(2*lambda2*m_i)  (the task's zone),
 *               +-lambda1*m_i               outside,
 * and with lambda2 = inf the absolute value lambda1*m_i*|s - p_i|. The derivative of the sum is non-decreasing and
 * piecewise linear, so the minimum is found exactly by a search for its piece. The piece is returned, because the next
 * step nearly always ends on it (exact.c).
 *
 * At most weights all tasks have the same breakpoint, the *centre*: sigma from when the task in training began. The
 * others, the *off-centre* tasks, are few. Local. */
#ifndef APD_METHOD_SOLVERS_PROXIMAL_H
#define APD_METHOD_SOLVERS_PROXIMAL_H

#include <stdint.h>

/* A piece low <= s <= high of the sum's derivative.
 *   lambda2 = inf   a kink (low == high) or an interval; a and b are the derivative just below and just above, equal in
 *                   an interval. The minimum s = max(z - eta*b, min(high, z - eta*a)) is on the piece if low <= s <= high.
 *   finite          a is the derivative at the finite end (low if finite, else high, else anywhere), b its slope. */
typedef struct apd_linear_piece {
    float low, high;
    float a, b;
} apd_linear_piece;

/* The breakpoint and the mask of an off-centre task. */
typedef struct apd_breakpoint {
    double point;
    double mask;
} apd_breakpoint;

#define APD_FEW_OFF_CENTRE 32

/* Minimise for lambda2 = inf. Returns s, and its piece.
 *   centre_subgradient   lambda1 * (sum of the masks of the tasks at the centre)                       in
 *   off_centre           (count), ascending by point up to APD_FEW_OFF_CENTRE, else in any order       in, overwritten
 * Cost O(count) on average. */
float apd_proximal_absolute(float z, float eta, double lambda1, float centre, double centre_subgradient,
                            apd_breakpoint *off_centre, int64_t count, apd_linear_piece *piece);

/* The zones of all old tasks of one row, taken as if at the centre: prefix sums over zones in ascending order of
 * half-width, so that the derivative at a distance from the centre costs a bisection. */
typedef struct apd_huber_row {
    int count;
    double *half;  /* (count) ascending: lambda1/(2*lambda2*m) */
    double *slope; /* (count+1): sum of lambda1*m over the first k zones: outside them */
    double *curve; /* (count+1): sum of 2*lambda2*m^2 over the zones from k on: inside them */
} apd_huber_row;

/* From `count` masks, in any order. Free with apd_huber_row_clear. */
void apd_huber_row_init(apd_huber_row *row, double lambda1, double lambda2, const double *masks, int count);
void apd_huber_row_clear(apd_huber_row *row);

/* Minimise for finite lambda2. `row` has all old tasks, including the off-centre ones (count), which are ascending by
 * point. Cost O((count + log T)*(count + log T)) at most. */
float apd_proximal_huber(float z, float eta, double lambda1, double lambda2, float centre,
                         const apd_huber_row *row, const apd_breakpoint *off_centre, int64_t count,
                         apd_linear_piece *piece);

/* sign(x) * max(|x| - k, 0). */
static inline float apd_soft(float x, float k) {
    float above = x - k, below = x + k;
    return (above > 0.0f ? above : 0.0f) + (below < 0.0f ? below : 0.0f);
}

#endif
