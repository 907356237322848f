/* points: polynomials of degree below 8 by their values at eight points, for fast convolution (winograd.h).
 *
 * The points are 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, where the value is the leading coefficient. They lose the fewest
 * bits: a 5x5 convolution in single precision has an error of about 2e-6 of its size, direct sums 1e-7. With p the points in
 * this order, f their factors and `count` coefficients y:
 *     values       t[p] = sum_k p^k y[k]
 *     transposed   y[k] = sum_p p^k t[p]
 *     windows      the transpose of interpolation, scaled: it makes
 *                  transposed(windows(d) * f * values(g)) the correlation of d (8) with g
 * All work on vectors of lanes. `count` is a constant after inlining. */
#ifndef APD_NETWORK_KERNELS_POINTS_H
#define APD_NETWORK_KERNELS_POINTS_H

#include "network/kernels/lanes.h"

#define APD_POINTS 8

#define APD_POINTS_INLINE static inline __attribute__((always_inline))

/* The factors of +-1, +-2 and +-1/2: one over the product of the differences to the other finite points. Those of 0 and
 * infinity are 1 (the sign of 0's is in the windows). */
#define APD_FACTOR_1    (-2.0f / 9.0f)
#define APD_FACTOR_2    (1.0f / 90.0f)
#define APD_FACTOR_HALF (32.0f / 45.0f)

APD_POINTS_INLINE apd_lanes apd_points_all(float value) {
    return (apd_lanes){0} + value;
}

/* t[p] and t[-p] of y, even and odd powers apart. */
APD_POINTS_INLINE void apd_points_pair(const int count, const apd_lanes *y, float p, float factor,
                                       apd_lanes *plus, apd_lanes *minus) {
    apd_lanes even = y[0] * apd_points_all(factor), odd = y[1] * apd_points_all(factor * p);
    float power = factor * p * p;
#pragma GCC unroll 8
    for (int k = 2; k < count; k++, power *= p) {
        if (k % 2 == 0)
            even = apd_lanes_multiply_add(even, power, y[k]);
        else
            odd = apd_lanes_multiply_add(odd, power, y[k]);
    }
    *plus = even + odd;
    *minus = even - odd;
}

/* The values of polynomial y (count >= 2) at the points; `scaled`: times the factors. */
APD_POINTS_INLINE void apd_points_values(const int count, const int scaled, const apd_lanes *y,
                                         apd_lanes *t) {
    t[0] = y[0];
    apd_points_pair(count, y, 1.0f, scaled ? APD_FACTOR_1 : 1.0f, &t[1], &t[2]);
    apd_points_pair(count, y, 2.0f, scaled ? APD_FACTOR_2 : 1.0f, &t[3], &t[4]);
    apd_points_pair(count, y, 0.5f, scaled ? APD_FACTOR_HALF : 1.0f, &t[5], &t[6]);
    t[7] = y[count - 1];
}

/* The transpose of apd_points_values. */
APD_POINTS_INLINE void apd_points_transposed(const int count, const int scaled, const apd_lanes *t,
                                             apd_lanes *y) {
    static const float point[] = {1.0f, 2.0f, 0.5f};
    static const float factor[] = {APD_FACTOR_1, APD_FACTOR_2, APD_FACTOR_HALF};
    apd_lanes sum[3], difference[3];
    float power[3];
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        sum[i] = t[1 + 2 * i] + t[2 + 2 * i];
        difference[i] = t[1 + 2 * i] - t[2 + 2 * i];
        power[i] = scaled ? factor[i] : 1.0f;
    }
#pragma GCC unroll 8
    for (int k = 0; k < count; k++) {
        const apd_lanes *part = k % 2 == 0 ? sum : difference;
        apd_lanes total = part[0] * apd_points_all(power[0]);
#pragma GCC unroll 3
        for (int i = 1; i < 3; i++)
            total = apd_lanes_multiply_add(total, power[i], part[i]);
        if (k == 0)
            total += t[0];
        if (k == count - 1)
            total += t[7];
        y[k] = total;
#pragma GCC unroll 3
        for (int i = 0; i < 3; i++)
            power[i] *= point[i];
    }
}

APD_POINTS_INLINE apd_lanes apd_points_sum3(apd_lanes a, float b_times, apd_lanes b, float c_times,
                                            apd_lanes c) {
    return apd_lanes_multiply_add(apd_lanes_multiply_add(a, b_times, b), c_times, c);
}

/* windows: eight adjacent numbers d to t, one for each point. */
APD_POINTS_INLINE void apd_points_windows(const apd_lanes *d, apd_lanes *t) {
    t[0] = apd_lanes_multiply_add(d[0] - d[6], 5.25f, d[4] - d[2]);
    t[7] = apd_lanes_multiply_add(d[7] - d[1], 5.25f, d[3] - d[5]);
    apd_lanes even = apd_lanes_multiply_add(d[2] + d[6], -4.25f, d[4]);
    apd_lanes odd = apd_lanes_multiply_add(d[1] + d[5], -4.25f, d[3]);
    t[1] = even + odd;
    t[2] = even - odd;
    even = apd_points_sum3(d[6], 0.25f, d[2], -1.25f, d[4]);
    odd = apd_points_sum3(apd_points_all(0.5f) * d[1], -2.5f, d[3], 2.0f, d[5]);
    t[3] = even + odd;
    t[4] = even - odd;
    even = apd_points_sum3(d[6], 4.0f, d[2], -5.0f, d[4]);
    odd = apd_points_sum3(apd_points_all(2.0f) * d[1], -2.5f, d[3], 0.5f, d[5]);
    t[5] = even + odd;
    t[6] = even - odd;
}

/* The transpose of apd_points_windows. */
APD_POINTS_INLINE void apd_points_windows_transposed(const apd_lanes *t, apd_lanes *d) {
    apd_lanes s1 = t[1] + t[2], s2 = t[3] + t[4], s3 = t[5] + t[6];
    apd_lanes e1 = t[1] - t[2], e2 = t[3] - t[4], e3 = t[5] - t[6];
    d[0] = t[0];
    d[1] = apd_points_sum3(e1 - t[7], 0.5f, e2, 2.0f, e3);
    d[2] = apd_lanes_multiply_add(apd_points_sum3(s1, 0.25f, s2, 4.0f, s3), -5.25f, t[0]);
    d[3] = apd_points_sum3(apd_points_all(5.25f) * t[7], -4.25f, e1, -2.5f, e2 + e3);
    d[4] = apd_lanes_multiply_add(apd_points_sum3(apd_points_all(5.25f) * t[0], -4.25f, s1, -1.25f, s2),
                                  -5.0f, s3);
    d[5] = apd_lanes_multiply_add(apd_points_sum3(e1, 2.0f, e2, 0.5f, e3), -5.25f, t[7]);
    d[6] = s1 + s2 + (s3 - t[0]);
    d[7] = t[7];
}

#endif
