#include "method/solvers/stored.h"

#include "base/half.h"

float apd_stored_mask(float mask) {
    const float least = 0x1p-24f, most = 1.0f - 0x1p-11f;
    float half = apd_half(mask);
    return half < least ? least : (half > most ? most : half);
}

/* The unit at which a row's largest number, of these bits, is an integer of `bits` bits with its sign, or less; 0: there is none, as
 * all numbers are 0 or one comes near no integer. */
static float unit_of(uint32_t most, int bits) {
    const uint32_t infinite = 0x7f800000u;
    int exponent;
    float largest;
    memcpy(&largest, &most, sizeof largest);
    if (most == 0 || most >= infinite)
        return 0.0f;
    float fraction = frexpf(largest / (float)((1 << (bits - 1)) - 1), &exponent);
    exponent -= fraction == 0.5f;
    return ldexpf(1.0f, exponent > -100 ? exponent : -100);
}

/* The bits of |x|. Those of positive floats ascend as they do, and a maximum of integers is vectorised. */
static inline uint32_t size_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

static inline float nearest(float x, float unit, float inverse) {
    return rintf(x * inverse) * unit + 0.0f;
}

void apd_stored_sigma(int bits, const float *sigma, int64_t cols, float *stored) {
    if (bits == 16) {
        apd_half_all(stored, sigma, cols);
        return;
    }
    uint32_t most = 0;
    for (int64_t c = 0; c < cols; c++) {
        uint32_t size = size_of(sigma[c]);
        most = size > most ? size : most;
        stored[c] = sigma[c];
    }
    const float unit = bits > 0 ? unit_of(most, bits) : 0.0f, inverse = 1.0f / unit;
    for (int64_t c = 0; c < cols && unit > 0.0f; c++)
        stored[c] = nearest(stored[c], unit, inverse);
}

void apd_stored_row(int tau_bits, int sigma_bits, bool whole, float mask, const float *restrict sigma,
                    const float *restrict tau, int64_t cols, float *restrict theta) {
    uint32_t most = 0;
    apd_stored_sigma(sigma_bits, sigma, cols, theta);
    for (int64_t c = 0; c < cols; c++) {
        theta[c] = mask * theta[c] + tau[c];
        uint32_t size = size_of(theta[c]) & -(uint32_t)(whole | (tau[c] != 0.0f)); /* 0 without an entry */
        most = size > most ? size : most;
    }
    const float unit = unit_of(most, tau_bits), inverse = 1.0f / unit;
    for (int64_t c = 0; c < cols && unit > 0.0f; c++) {
        float rounded = nearest(theta[c], unit, inverse);
        theta[c] = (whole | (tau[c] != 0.0f)) != 0 ? rounded : theta[c];
    }
}
