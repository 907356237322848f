/* lanes: the machine's vector of floats and its multiply-add.
 *
 * The compiler may not fuse multiplications and additions on its own (-ffp-contract=off); these functions do, where the
 * processor can. */
#ifndef APD_NETWORK_KERNELS_LANES_H
#define APD_NETWORK_KERNELS_LANES_H

#include <stdint.h>

#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define APD_LANES      16
#define APD_LANES_NAME "avx512"
#elif defined(__AVX2__) && defined(__FMA__)
#define APD_LANES      8
#define APD_LANES_NAME "avx2"
#elif defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
#define APD_LANES      4
#define APD_LANES_NAME "neon"
#else
#define APD_LANES      4
#define APD_LANES_NAME "baseline"
#endif

typedef float apd_lanes __attribute__((vector_size(APD_LANES * 4)));

typedef int32_t apd_lane_ints __attribute__((vector_size(APD_LANES * 4)));

/* in memory, with the alignment of a float */
typedef float apd_lanes_at __attribute__((vector_size(APD_LANES * 4), aligned(4), may_alias));
typedef int32_t apd_lane_ints_at __attribute__((vector_size(APD_LANES * 4), aligned(4), may_alias));

static inline apd_lanes apd_lanes_load(const float *from) {
    return *(const apd_lanes_at *)from;
}

static inline void apd_lanes_store(float *to, apd_lanes value) {
    *(apd_lanes_at *)to = value;
}

static inline apd_lane_ints apd_lane_ints_load(const int32_t *from) {
    return *(const apd_lane_ints_at *)from;
}

static inline void apd_lane_ints_store(int32_t *to, apd_lane_ints value) {
    *(apd_lane_ints_at *)to = value;
}

/* Lane by lane: `yes` where which is -1, `no` where it is 0. */
static inline apd_lanes apd_lanes_choose(apd_lane_ints which, apd_lanes yes, apd_lanes no) {
#if APD_LANES == 8
    return (apd_lanes)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)which);
#else
    return (apd_lanes)((which & (apd_lane_ints)yes) | (~which & (apd_lane_ints)no));
#endif
}

/* Lane by lane: a > b ? a : b */
static inline apd_lanes apd_lanes_larger(apd_lanes a, apd_lanes b) {
#if APD_LANES == 16
    return (apd_lanes)_mm512_max_ps((__m512)a, (__m512)b);
#elif APD_LANES == 8
    return (apd_lanes)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return apd_lanes_choose(a > b, a, b);
#endif
}

/* Transpose APD_LANES rows of APD_LANES floats, `step` apart; the rows of `out` are out_step apart. */
static inline void apd_lanes_transpose(const float *rows, int64_t step, float *out, int64_t out_step) {
#if APD_LANES == 16
    __m512 in[16], pair[16], four[4][4];
    for (int r = 0; r < 16; r++)
        in[r] = _mm512_loadu_ps(rows + r * step);
    for (int r = 0; r < 16; r += 2) {
        pair[r] = _mm512_unpacklo_ps(in[r], in[r + 1]);
        pair[r + 1] = _mm512_unpackhi_ps(in[r], in[r + 1]);
    }
    for (int r = 0; r < 4; r++)
        for (int k = 0; k < 2; k++) {
            four[2 * k][r] = _mm512_shuffle_ps(pair[4 * r + k], pair[4 * r + 2 + k], 0x44);
            four[2 * k + 1][r] = _mm512_shuffle_ps(pair[4 * r + k], pair[4 * r + 2 + k], 0xee);
        }
    for (int c = 0; c < 4; c++)
        for (int odd = 0; odd < 2; odd++) {
            __m512 above = odd ? _mm512_shuffle_f32x4(four[c][0], four[c][1], 0xdd)
                               : _mm512_shuffle_f32x4(four[c][0], four[c][1], 0x88);
            __m512 below = odd ? _mm512_shuffle_f32x4(four[c][2], four[c][3], 0xdd)
                               : _mm512_shuffle_f32x4(four[c][2], four[c][3], 0x88);
            _mm512_storeu_ps(out + (4 * odd + c) * out_step, _mm512_shuffle_f32x4(above, below, 0x88));
            _mm512_storeu_ps(out + (4 * odd + 8 + c) * out_step, _mm512_shuffle_f32x4(above, below, 0xdd));
        }
#elif APD_LANES == 8
    __m256 in[8], pair[8], four[8];
    for (int r = 0; r < 8; r++)
        in[r] = _mm256_loadu_ps(rows + r * step);
    for (int r = 0; r < 8; r += 2) {
        pair[r] = _mm256_unpacklo_ps(in[r], in[r + 1]);
        pair[r + 1] = _mm256_unpackhi_ps(in[r], in[r + 1]);
    }
    for (int r = 0; r < 8; r += 4)
        for (int k = 0; k < 2; k++) {
            four[r + 2 * k] = _mm256_shuffle_ps(pair[r + k], pair[r + 2 + k], 0x44);
            four[r + 2 * k + 1] = _mm256_shuffle_ps(pair[r + k], pair[r + 2 + k], 0xee);
        }
    for (int c = 0; c < 4; c++) {
        _mm256_storeu_ps(out + c * out_step, _mm256_permute2f128_ps(four[c], four[4 + c], 0x20));
        _mm256_storeu_ps(out + (4 + c) * out_step, _mm256_permute2f128_ps(four[c], four[4 + c], 0x31));
    }
#else
    for (int r = 0; r < APD_LANES; r++)
        for (int c = 0; c < APD_LANES; c++)
            out[c * out_step + r] = rows[r * step + c];
#endif
}

/* sum + a * b */
static inline apd_lanes apd_lanes_add_product(apd_lanes sum, apd_lanes a, apd_lanes b) {
#if defined(__AVX512F__)
    return (apd_lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__AVX2__) && defined(__FMA__)
    return (apd_lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#elif defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
    return (apd_lanes)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#else
    return sum + a * b;
#endif
}

/* sum + scalar * factor */
static inline apd_lanes apd_lanes_multiply_add(apd_lanes sum, float scalar, apd_lanes factor) {
    return apd_lanes_add_product(sum, scalar - (apd_lanes){0}, factor);
}

#endif
