/* Keys: features of an image, and their sums and differences. */
#include "io/data/key.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_PIXELS = 16 * 16 * 3 };

static uint8_t noise(int i) {
    return (uint8_t)((unsigned)i * 2654435761U >> 24);
}

static void features_ofAnyShape_areAtMostSoMany(void **state) {
    (void)state;
    assert_int_equal(apd_key_features((apd_image_shape){1, 28, 28}), 128 + 16 * 16);
    assert_int_equal(apd_key_features((apd_image_shape){3, 32, 32}), 128 + 3 * 8 * 8);
    assert_int_equal(apd_key_features((apd_image_shape){16, 5, 500}), 128 + 16 * 4 * 4);
    assert_int_equal(apd_key_features((apd_image_shape){2, 1, 1}), 128 + 2 * 8 * 8);
}

/* One colour: no edges, and the small image is that colour, whatever the shape. */
static void features_ofOneColour_areThatColour(void **state) {
    (void)state;
    static const apd_image_shape shapes[] = {{1, 1, 1}, {1, 2, 5}, {3, 3, 2}, {3, 7, 16}, {2, 16, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        uint8_t image[MOST_PIXELS], features[APD_KEY_MOST];
        memset(image, 201, sizeof image);
        memset(features, 7, sizeof features);
        apd_key_of_image(shapes[s], image, features);
        for (int k = 0; k < apd_key_features(shapes[s]); k++)
            assert_int_equal(features[k], k < 128 ? 0 : 201);
    }
}

/* Ramps (16 x 16): one direction each, of the length that their slope says. */
static void edges_ofARamp_haveItsDirection(void **state) {
    (void)state;
    static const struct {
        int dx, dy, direction;
    } ramps[] = {{4, 0, 0}, {4, 3, 1}, {2, 3, 2}, {0, 4, 3}, {-2, 3, 5}, {4, -3, 6}};
    for (size_t r = 0; r < sizeof ramps / sizeof *ramps; r++) {
        uint8_t image[16 * 16], features[APD_KEY_MOST];
        for (int i = 0; i < 256; i++)
            image[i] = (uint8_t)(100 + ramps[r].dx * (i % 16) + ramps[r].dy * (i / 16));
        apd_key_of_image((apd_image_shape){1, 16, 16}, image, features);
        const uint8_t *inner = features + (1 * 4 + 1) * 8;     /* a cell away from the border */
        double length = 2.0 * hypot(ramps[r].dx, ramps[r].dy); /* differences are over two pixels */
        for (int d = 0; d < 8; d++)
            assert_true(d == ramps[r].direction ? fabs(inner[d] - 16.0 * sqrt(length)) < 0.06 * inner[d]
                                                : inner[d] == 0);
    }
}

static void small_ofColours_isTheMeanOfCells(void **state) {
    (void)state;
    const apd_image_shape shape = {3, 16, 16};
    uint8_t image[MOST_PIXELS], features[APD_KEY_MOST];
    for (int i = 0; i < MOST_PIXELS; i++)
        image[i] = noise(i);
    apd_key_of_image(shape, image, features);
    for (int i = 0; i < 3 * 64; i++) {
        const uint8_t *at = image + i / 64 * 256 + i % 64 / 8 * 32 + i % 8 * 2;
        double mean = (at[0] + at[1] + at[16] + at[17]) / 4.0;
        assert_int_equal(features[128 + i], (int)floor(mean + 0.5));
    }
}

/* The matrix of the transform, column by column: its rows are orthogonal, so its sums say all that features say. */
static void transform_ofUnits_isOrthogonal(void **state) {
    (void)state;
    static const apd_image_shape shapes[] = {{1, 8, 8}, {3, 8, 8}, {4, 8, 8}};
    static float columns[APD_KEY_MOST][APD_KEY_MOST];
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int width = apd_key_features(shapes[s]);
        memset(columns, 0, sizeof columns);
        for (int k = 0; k < width; k++) {
            uint8_t features[APD_KEY_MOST] = {0};
            features[k] = 1;
            apd_key_sums(shapes[s], features, columns[k]);
        }
        for (int i = 0; i < width; i++)
            for (int j = 0; j <= i; j++) {
                float product = 0.0f;
                for (int k = 0; k < width; k++)
                    product += columns[k][i] * columns[k][j];
                assert_true(i == j ? product >= 64.0f : product == 0.0f);
            }
    }
}

static void variance_encoded_isNearlyDecoded(void **state) {
    (void)state;
    for (double variance = 400.0; variance < 5e7; variance *= 1.1)
        assert_true(fabs(apd_key_decode(apd_key_encode(variance)) / variance - 1.0) < 0.16);
    assert_true(apd_key_decode(apd_key_encode(0.0)) == 0.0);
    assert_int_equal(apd_key_encode(1e12), 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_ofAnyShape_areAtMostSoMany),
        cmocka_unit_test(features_ofOneColour_areThatColour),
        cmocka_unit_test(edges_ofARamp_haveItsDirection),
        cmocka_unit_test(small_ofColours_isTheMeanOfCells),
        cmocka_unit_test(transform_ofUnits_isOrthogonal),
        cmocka_unit_test(variance_encoded_isNearlyDecoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
