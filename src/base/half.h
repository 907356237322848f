/* half: numbers of 16 bits (IEEE 754 binary16: 11 significant bits, up to 65504, steps of 2^-24 near 0), as float32. */
#ifndef APD_BASE_HALF_H
#define APD_BASE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The nearest number of 16 bits, ties to even; beyond the range the largest; -0 becomes 0. A NaN stays one.
 * Without branches, so that loops are vectorised, and so are the next two. */
static inline float apd_half(float x) {
    const uint32_t largest = 0x477fe000u /* 65504 */, normal = 0x38800000u /* 2^-14 */,
                   infinite = 0x7f800000u;
    const float near_zero = 0.75f; /* adding it leaves steps of 2^-24 */
    uint32_t bits, small;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = bits & 0x80000000u, size = bits & 0x7fffffffu;
    const uint32_t limited = size > largest ? largest : size;
    float stepped;
    memcpy(&stepped, &limited, sizeof stepped);
    stepped = (stepped + near_zero) - near_zero;
    memcpy(&small, &stepped, sizeof small);
    uint32_t half = (limited + 0xfffu + ((limited >> 13) & 1u)) & ~0x1fffu;
    half = size < normal ? small : half;
    half = size > infinite ? size : half; /* NaN */
    half |= half != 0 ? sign : 0u;
    memcpy(&x, &half, sizeof x);
    return x;
}

static inline void apd_half_all(float *out, const float *in, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        out[i] = apd_half(in[i]);
}

/* The 16 bits of such a number, and the number of 16 bits. */
static inline uint16_t apd_half_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    uint32_t steps =
        (uint32_t)(int32_t)((magnitude < 0x38800000u ? fabsf(x) : 0.0f) * 0x1p24f); /* below 2^-14 */
    uint32_t half = magnitude < 0x38800000u ? steps : (magnitude - 0x38000000u) >> 13;
    half = magnitude >= 0x7f800000u ? 0x7c00u : half; /* infinite */
    half = magnitude > 0x7f800000u ? 0x7e00u : half;  /* NaN */
    return (uint16_t)(sign | half);
}

static inline float apd_half_value(uint16_t half) {
    uint32_t magnitude = half & 0x7fffu;
    uint32_t bits = (magnitude << 13) + 0x38000000u + (magnitude >= 0x7c00u ? 0x38000000u : 0u), small;
    float x = (float)(int32_t)magnitude * 0x1p-24f;
    memcpy(&small, &x, sizeof small);
    bits = (magnitude < 0x400u ? small : bits) | (uint32_t)(half & 0x8000u) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
