/* Transforms of an image: turns, permutations, rotations. */
#include "io/data/transform.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 7, PLANE = SIDE * SIDE, CHANNELS = 3 };

/* Transform one image; its values are bytes, or floats if `is_float`. */
static void transform(apd_transform_spec spec, bool is_float, int turn, const void *in, void *out) {
    spec.shape = (apd_image_shape){CHANNELS, SIDE, SIDE};
    spec.is_float = is_float;
    apd_transform *made = apd_transform_create(&spec);
    apd_transform_apply(made, turn, in, out);
    apd_transform_destroy(made);
}

/* Each plane holds its pixels' numbers, shifted by the channel. */
static void numbered(uint8_t *image) {
    for (int i = 0; i < CHANNELS * PLANE; i++)
        image[i] = (uint8_t)(i % PLANE + i / PLANE * 60);
}

static void turn_ofAnyCount_movesCornersCounterClockwise(void **state) {
    (void)state;
    uint8_t image[CHANNELS * PLANE], turned[CHANNELS * PLANE], again[CHANNELS * PLANE];
    numbered(image);
    apd_transform_spec spec = {.turns = 4};
    transform(spec, false, 0, image, turned);
    assert_memory_equal(image, turned, sizeof image);
    transform(spec, false, 1, image, turned);
    for (int c = 0; c < CHANNELS; c++) { /* the top right corner becomes the top left, and so on */
        const uint8_t *from = image + c * PLANE, *to = turned + c * PLANE;
        assert_int_equal(to[0], from[SIDE - 1]);
        assert_int_equal(to[PLANE - SIDE], from[0]);
        assert_int_equal(to[PLANE - 1], from[PLANE - SIDE]);
        assert_int_equal(to[SIDE - 1], from[PLANE - 1]);
        assert_int_equal(to[1], from[2 * SIDE - 1]);
    }
    for (int turn = 2; turn < 4; turn++) {
        transform(spec, false, 1, turned, again);
        transform(spec, false, turn, image, turned);
        assert_memory_equal(turned, again, sizeof again);
    }
    transform(spec, false, 1, turned, again);
    assert_memory_equal(again, image, sizeof image);
}

/* NumPy's image.reshape(H, W, C), then transpose(2, 0, 1), step by step: number i of the file goes to pixel i/C, channel i%C. */
static void scrambled_ofPlanes_isAReshapeWithoutATranspose(void **state) {
    (void)state;
    float image[CHANNELS * PLANE], expected[CHANNELS * PLANE], out[CHANNELS * PLANE],
        turned[CHANNELS * PLANE];
    uint8_t bytes[CHANNELS * PLANE], scrambled[CHANNELS * PLANE], twice[CHANNELS * PLANE];
    float rows[SIDE][SIDE][CHANNELS];
    for (int i = 0; i < CHANNELS * PLANE; i++) {
        image[i] = (float)i;
        bytes[i] = (uint8_t)i;
    }
    memcpy(rows, image, sizeof rows);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < CHANNELS; c++)
                expected[(c * SIDE + y) * SIDE + x] = rows[y][x][c];
    transform((apd_transform_spec){.turns = 1, .scrambled = true}, true, 0, image, out);
    assert_memory_equal(out, expected, sizeof expected);
    assert_true(expected[1] == 3.0F && expected[PLANE] == 1.0F && expected[2 * PLANE] == 2.0F);
    transform((apd_transform_spec){.turns = 1, .scrambled = true}, false, 0, bytes, scrambled);
    for (int i = 0; i < CHANNELS * PLANE; i++)
        assert_int_equal(scrambled[i], (uint8_t)expected[i]);
    /* turns and permutations come after it */
    apd_transform_spec both = {.turns = 4, .scrambled = true, .permuted = true, .seed = 3, .task = 2},
                       after = both;
    after.scrambled = false;
    for (int turn = 0; turn < 4; turn++) {
        transform(both, true, turn, image, out);
        transform(after, true, turn, expected, turned);
        assert_memory_equal(out, turned, sizeof out);
    }
    apd_transform *one =
        apd_transform_create(&(apd_transform_spec){.shape = {1, SIDE, SIDE}, .turns = 1, .scrambled = true});
    apd_transform_apply(one, 0, bytes, twice);
    apd_transform_destroy(one);
    assert_memory_equal(twice, bytes, PLANE);
}

static void permutation_ofATask_isOneBijectionForAllChannels(void **state) {
    (void)state;
    uint8_t image[CHANNELS * PLANE], first[CHANNELS * PLANE], second[CHANNELS * PLANE];
    numbered(image);
    transform((apd_transform_spec){.turns = 1, .task = 0}, false, 0, image, first);
    assert_memory_equal(first, image, sizeof image);
    transform((apd_transform_spec){.turns = 1, .permuted = true, .seed = 5, .task = 1}, false, 0, image,
              first);
    transform((apd_transform_spec){.turns = 1, .permuted = true, .seed = 5, .task = 2}, false, 0, image,
              second);
    bool seen[PLANE] = {false};
    for (int i = 0; i < PLANE; i++) {
        assert_true(first[i] < PLANE && !seen[first[i]]);
        seen[first[i]] = true;
        for (int c = 1; c < CHANNELS; c++)
            assert_int_equal(first[c * PLANE + i], first[i] + 60 * c);
    }
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_not_equal(first, image, sizeof first);
    transform((apd_transform_spec){.turns = 1, .permuted = true, .seed = 6, .task = 1}, false, 0, image,
              second);
    assert_memory_not_equal(first, second, sizeof first);
}

static void permutation_ofATurnedImage_isTheTurnThenThePermutation(void **state) {
    (void)state;
    apd_transform_spec permuted = {.turns = 1, .permuted = true, .seed = 5, .task = 3}, both = permuted;
    both.turns = 4;
    float image[CHANNELS * PLANE], turned[CHANNELS * PLANE], expected[CHANNELS * PLANE],
        out[CHANNELS * PLANE];
    for (int i = 0; i < CHANNELS * PLANE; i++)
        image[i] = (float)i * 0.25f;
    for (int turn = 0; turn < 4; turn++) {
        transform((apd_transform_spec){.turns = 4}, true, turn, image, turned);
        transform(permuted, true, 0, turned, expected);
        transform(both, true, turn, image, out);
        assert_memory_equal(out, expected, sizeof out);
    }
}

static void rotation_ofWholeQuarters_agreesWithTurns(void **state) {
    (void)state;
    uint8_t image[CHANNELS * PLANE], turned[CHANNELS * PLANE], rotated[CHANNELS * PLANE];
    numbered(image);
    for (int turn = -4; turn <= 8; turn++) {
        transform((apd_transform_spec){.turns = 4}, false, (turn + 8) % 4, image, turned);
        transform((apd_transform_spec){.turns = 1, .angle = 90.0 * turn}, false, 0, image, rotated);
        assert_memory_equal(rotated, turned, sizeof rotated);
    }
}

static void rotation_ofZeroOrFullCircles_keepsEveryFloat(void **state) {
    (void)state;
    float image[CHANNELS * PLANE], out[CHANNELS * PLANE];
    for (int i = 0; i < CHANNELS * PLANE; i++)
        image[i] = 1.0f / (float)(i + 1);
    for (int circles = -1; circles <= 1; circles++) {
        transform((apd_transform_spec){.turns = 1, .angle = 360.0 * circles}, true, 0, image, out);
        assert_memory_equal(out, image, sizeof out);
    }
}

/* Bilinear interpolation is exact for values linear in x and y, so the rotated image is known in closed form wherever
 * all four neighbours are inside; beyond the corners it is zero. */
static void rotation_ofALinearPlane_isTheRotatedPlane(void **state) {
    (void)state;
    float image[CHANNELS * PLANE], out[CHANNELS * PLANE];
    for (int i = 0; i < CHANNELS * PLANE; i++)
        image[i] = (float)(100 + 3 * (i % SIDE - 3) + 5 * (i % PLANE / SIDE - 3));
    double radians = acos(-1.0) / 6, c = cos(radians), s = sin(radians);
    transform((apd_transform_spec){.turns = 1, .angle = 30}, true, 0, image, out);
    int inside = 0, outside = 0;
    for (int i = 0; i < CHANNELS * PLANE; i++) {
        double x = i % SIDE - 3, y = i % PLANE / SIDE - 3;
        double from_x = c * x - s * y, from_y = s * x + c * y;
        if (fabs(from_x) < 3 && fabs(from_y) < 3) {
            inside++;
            assert_true(fabs((double)out[i] - (100 + 3 * from_x + 5 * from_y)) < 1e-4);
        } else if (fabs(from_x) >= 4 || fabs(from_y) >= 4) {
            outside++;
            assert_float_equal((double)out[i], 0, 0);
        }
    }
    assert_true(inside > 60 && outside > 6);
}

static void rotation_ofBytes_isRoundedToTheNearest(void **state) {
    (void)state;
    uint8_t image[CHANNELS * PLANE], out[CHANNELS * PLANE];
    float floats[CHANNELS * PLANE], exact[CHANNELS * PLANE];
    for (int i = 0; i < CHANNELS * PLANE; i++)
        floats[i] = image[i] = (uint8_t)(i * i * 37 % 256);
    for (int angle = -170; angle < 180; angle += 13) {
        transform((apd_transform_spec){.turns = 1, .angle = angle}, false, 0, image, out);
        transform((apd_transform_spec){.turns = 1, .angle = angle}, true, 0, floats, exact);
        for (int i = 0; i < CHANNELS * PLANE; i++)
            assert_true(fabs((double)out[i] - (double)exact[i]) <= 0.50001);
    }
}

static void transform_ofOnePixel_isTheIdentity(void **state) {
    (void)state;
    apd_transform *made = apd_transform_create(&(apd_transform_spec){
        .shape = {1, 1, 1}, .turns = 4, .permuted = true, .seed = 1, .task = 9, .angle = 33});
    for (int turn = 0; turn < 4; turn++) {
        uint8_t in = 200, out = 0;
        apd_transform_apply(made, turn, &in, &out);
        assert_int_equal(out, 200);
    }
    apd_transform_destroy(made);
    apd_transform_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turn_ofAnyCount_movesCornersCounterClockwise),
        cmocka_unit_test(scrambled_ofPlanes_isAReshapeWithoutATranspose),
        cmocka_unit_test(permutation_ofATask_isOneBijectionForAllChannels),
        cmocka_unit_test(permutation_ofATurnedImage_isTheTurnThenThePermutation),
        cmocka_unit_test(rotation_ofWholeQuarters_agreesWithTurns),
        cmocka_unit_test(rotation_ofZeroOrFullCircles_keepsEveryFloat),
        cmocka_unit_test(rotation_ofALinearPlane_isTheRotatedPlane),
        cmocka_unit_test(rotation_ofBytes_isRoundedToTheNearest),
        cmocka_unit_test(transform_ofOnePixel_isTheIdentity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
