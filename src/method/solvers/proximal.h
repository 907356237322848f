/* proximal: the one-dimensional problem that is left of the old tasks, for each weight of sigma.
 *
 * With the old tau_i eliminated in closed form, weight j of sigma moves by
 *     argmin over s of (s - z)^2 / (2*eta) + sum_i h_i(s)
 * where task i's h_i is the Huber function of its distance from its breakpoint p_i = theta_i/m_i:
 *     h_i'(s) = 2*lambda2*m_i^2 * (s - p_i)  within lambda1/(2*lambda2*m_i) of p_i,  +-lambda1*m_i outside,
 * and with lambda2 = inf the absolute value lambda1*m_i*|s - p_i|. The sum's derivative is non-decreasing and
 * linear in pieces, so the minimum is found exactly, by narrowing down its piece; this is
 * returned, so that the next step can start (and nearly always end) there: see solver_exact.c.
 *
 * Most weights have all tasks at one point (the present sigma); those that are elsewhere, the *off_centre*, are
 * few. */
#ifndef APD_METHOD_SOLVERS_PROXIMAL_H
#define APD_METHOD_SOLVERS_PROXIMAL_H

#include <stdint.h>

/* Where the derivative of the sum is linear: low <= s <= high.
 * lambda2 = inf: a kink (low == high) or an open piece; `a` and `b` are the derivative just below and above
 *                (equal inside a piece): s = max(z - eta*b, min(high, z - eta*a)) if that lies in low..high.
 * finite:        `a` is the derivative at the piece's finite end (low, else high, else anywhere), `b` its
 * slope. */
typedef struct apd_linear_piece {
    float low, high;
    float a, b;
} apd_linear_piece;

/* A task away from the centre: its breakpoint and its mask. */
typedef struct apd_breakpoint {
    double point;
    double mask;
} apd_breakpoint;

#define APD_FEW_OFF_CENTRE 32

/* lambda2 = inf. `off_centre` (count), ascending by point where they are APD_FEW_OFF_CENTRE or fewer, else in any order,
 * which is lost; centre_subgradient = lambda1 * (sum of the masks at the centre). Cost O(count), mostly. */
float apd_proximal_absolute(float z, float eta, double lambda1, float centre, double centre_subgradient,
                            apd_breakpoint *off_centre, int64_t count, apd_linear_piece *piece);

/* All old tasks of one row, as if all were at the centre: half-widths of their zones in ascending order, with
 * running sums, so that their joint derivative at a distance costs a bisection. */
typedef struct apd_huber_row {
    int count;
    double *half;  /* (count) ascending: lambda1/(2*lambda2*m) */
    double *slope; /* (count+1): sum of lambda1*m of the first k (beyond their zones) */
    double *curve; /* (count+1): sum of 2*lambda2*m^2 of those from k on (within their zones) */
} apd_huber_row;

/* Sort and sum `count` masks; free with apd_huber_row_clear. */
void apd_huber_row_init(apd_huber_row *row, double lambda1, double lambda2, const double *masks, int count);
void apd_huber_row_clear(apd_huber_row *row);

/* Finite lambda2. `row` has all old tasks, the off_centre (count, ascending by point) among them. Cost
 * O((count + log T) * log). */
float apd_proximal_huber(float z, float eta, double lambda1, double lambda2, float centre,
                         const apd_huber_row *row, const apd_breakpoint *off_centre, int64_t count,
                         apd_linear_piece *piece);

/* sign(x) * max(|x| - k, 0). */
static inline float apd_soft(float x, float k) {
    float above = x - k, below = x + k;
    return (above > 0.0f ? above : 0.0f) + (below < 0.0f ? below : 0.0f);
}

#endif
