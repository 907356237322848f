#include "method/solvers/stored.h"

#include "base/half.h"

float apd_stored_mask(float mask) {
    const float least = 0x1p-24f, most = 1.0f - 0x1p-11f;
    float half = apd_half(mask);
    return half < least ? least : (half > most ? most : half);
}

static const uint32_t INFINITE = 0x7f800000u; /* its bits */

/* The unit at which `largest` > 0 is an integer of `bits` bits with its sign, or less. */
static float unit_of(float largest, int bits) {
    int exponent;
    float fraction = frexpf(largest / (float)((1 << (bits - 1)) - 1), &exponent);
    exponent -= fraction == 0.5f;
    return ldexpf(1.0f, exponent > -100 ? exponent : -100);
}

void apd_stored_sigma(int bits, const float *sigma, int64_t cols, float *stored) {
    uint32_t most = 0;
    if (bits == 16)
        apd_half_all(stored, sigma, cols);
    else if (stored != sigma)
        memcpy(stored, sigma, (size_t)cols * sizeof *stored);
    for (int64_t c = 0; c < cols && bits > 0 && bits < 16; c++) {
        uint32_t size;
        memcpy(&size, &stored[c], sizeof size);
        size &= 0x7fffffffu;
        most = size > most ? size : most;
    }
    if (most == 0 || most >= INFINITE)
        return;
    float largest;
    memcpy(&largest, &most, sizeof largest);
    const float unit = unit_of(largest, bits), inverse = 1.0f / unit;
    for (int64_t c = 0; c < cols; c++)
        stored[c] = rintf(stored[c] * inverse) * unit + 0.0f;
}

/* The largest is found by the bits of positive floats, which ascend as they do: a maximum of integers is vectorised. */
void apd_stored_row(int tau_bits, int sigma_bits, bool whole, float mask, const float *restrict sigma,
                    const float *restrict tau, int64_t cols, float *restrict theta) {
    uint32_t most = 0;
    apd_stored_sigma(sigma_bits, sigma, cols, theta);
    for (int64_t c = 0; c < cols; c++) {
        float exact = mask * theta[c] + tau[c];
        uint32_t size;
        memcpy(&size, &exact, sizeof size);
        size &= 0x7fffffffu & -(uint32_t)(whole | (tau[c] != 0.0f)); /* 0 without an entry */
        theta[c] = exact;
        most = size > most ? size : most;
    }
    if (most == 0 || most >= INFINITE) /* no entry; or one that no integer comes near */
        return;
    float largest;
    memcpy(&largest, &most, sizeof largest);
    const float unit = unit_of(largest, tau_bits), inverse = 1.0f / unit;
    for (int64_t c = 0; c < cols; c++) {
        float rounded = rintf(theta[c] * inverse) * unit + 0.0f;
        theta[c] = (whole | (tau[c] != 0.0f)) != 0 ? rounded : theta[c];
    }
}
