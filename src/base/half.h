/* half: numbers of 16 bits (IEEE 754 binary16: 11 significant bits, up to 65504, steps of 2^-24 near 0), as float32. */
#ifndef APD_BASE_HALF_H
#define APD_BASE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The nearest number of 16 bits, ties to even; beyond the range the largest; -0 becomes 0. A NaN stays one. */
static inline float apd_half(float x) {
    const float near_zero = 0.75f; /* adding it leaves steps of 2^-24 */
    uint32_t bits;
    float rounded, limited = x > 65504.0f ? 65504.0f : (x < -65504.0f ? -65504.0f : x);
    memcpy(&bits, &limited, sizeof bits);
    bits = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
    memcpy(&rounded, &bits, sizeof rounded);
    float small = (limited + near_zero) - near_zero;
    float result = fabsf(limited) < 0x1p-14f ? small : rounded;
    return (x == x ? result : x) + 0.0f;
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
    if (magnitude >= 0x7f800000u) /* infinite or NaN */
        return (uint16_t)(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u));
    if (magnitude < 0x38800000u) /* below 2^-14 */
        return (uint16_t)(sign | (uint32_t)(fabsf(x) * 0x1p24f));
    return (uint16_t)(sign | ((magnitude - 0x38000000u) >> 13));
}

static inline float apd_half_value(uint16_t half) {
    uint32_t magnitude = half & 0x7fffu, bits;
    float x;
    if (magnitude < 0x400u) {
        x = (float)magnitude * 0x1p-24f;
    } else {
        bits = magnitude < 0x7c00u ? (magnitude << 13) + 0x38000000u : 0x7f800000u | (magnitude << 13);
        memcpy(&x, &bits, sizeof x);
    }
    return (half & 0x8000u) != 0 ? -x : x;
}

#endif
