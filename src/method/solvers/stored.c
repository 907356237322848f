#include "method/solvers/stored.h"

#include "base/half.h"

float apd_stored_mask(float mask) {
    const float least = 0x1p-24f, most = 1.0f - 0x1p-11f;
    float half = apd_half(mask);
    return half < least ? least : (half > most ? most : half);
}

/* The unit at which `largest` > 0 is an integer of `bits` bits with its sign, or less. */
static float unit_of(float largest, int bits) {
    int exponent;
    float fraction = frexpf(largest / (float)((1 << (bits - 1)) - 1), &exponent);
    exponent -= fraction == 0.5f;
    return ldexpf(1.0f, exponent > -100 ? exponent : -100);
}

void apd_stored_row(int tau_bits, float mask, const float *restrict sigma, const float *restrict tau,
                    int64_t cols, float *restrict theta) {
    float largest = 0.0f;
    for (int64_t c = 0; c < cols; c++) {
        float whole = mask * apd_half(sigma[c]) + tau[c], size = tau[c] != 0.0f ? fabsf(whole) : 0.0f;
        theta[c] = whole;
        largest = size > largest ? size : largest;
    }
    if (!(largest > 0.0f) || isinf(largest))
        return;
    const float unit = unit_of(largest, tau_bits), inverse = 1.0f / unit;
    for (int64_t c = 0; c < cols; c++) {
        float rounded = rintf(theta[c] * inverse) * unit + 0.0f;
        theta[c] = tau[c] != 0.0f ? rounded : theta[c];
    }
}
