/* picture: JPEG files made here by libjpeg, and images made to fit, against averages by hand. */
#include "io/images/picture.h"
#include "io/images/png.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "folder.h"

static const char *path_of(const char *name) {
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int remove_folder(void **state) {
    (void)state;
    run("rm -r '%s'", folder);
    return 0;
}

/* A smooth picture, which JPEG changes by little. */
static uint8_t pixel_at(int c, int y, int x) {
    return (uint8_t)(40 * c + 3 * y + 2 * x);
}

/* An Exif segment as a camera writes it: its orientation is the second of two entries. Returns its length. */
static unsigned exif_segment(int orientation, bool little, uint8_t out[64]) {
    const uint16_t words[] = {42,     0, 8,          /* TIFF; its directory at 8 */
                              2,                     /* entries */
                              0x0100, 3, 0, 1, 7, 0, /* the width: a short, one, 7 */
                              0x0112, 3, 0, 1, 0, 0, 0, 0};
    memcpy(out, little ? "Exif\0\0II" : "Exif\0\0MM", 8);
    unsigned count = sizeof words / sizeof *words;
    for (unsigned w = 0; w < count; w++) {
        uint16_t word = w == 14 ? (uint16_t)orientation : words[w];
        /* numbers of 32 bits are two words, the lower one first where the order is little */
        unsigned to = w;
        const unsigned pairs[] = {1, 6, 12};
        for (unsigned p = 0; p < 3 && little; p++)
            to = w == pairs[p] ? w + 1 : (w == pairs[p] + 1 ? w - 1 : to);
        out[8 + 2 * to + (little ? 0 : 1)] = (uint8_t)(word & 0xff);
        out[8 + 2 * to + (little ? 1 : 0)] = (uint8_t)(word >> 8);
    }
    return 8 + 2 * count;
}

static uint8_t exif[64]; /* what store_jpeg adds */
static unsigned exif_bytes;

static void store_jpeg(const char *name, apd_image_shape shape, J_COLOR_SPACE space) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr manager;
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    jpeg.err = jpeg_std_error(&manager);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = (JDIMENSION)shape.width;
    jpeg.image_height = (JDIMENSION)shape.height;
    jpeg.input_components = shape.channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    if (exif_bytes > 0)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, exif_bytes);
    uint8_t row[4 * 64];
    for (int y = 0; y < shape.height; y++) {
        for (int x = 0; x < shape.width; x++)
            for (int c = 0; c < shape.channels; c++)
                row[x * shape.channels + c] = pixel_at(c, y, x);
        JSAMPROW rows = row;
        (void)jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(file), 0);
}

static void read_jpeg_gives_planes(void **state) {
    (void)state;
    const apd_image_shape shapes[] = {{3, 13, 21}, {1, 13, 21}};
    for (int i = 0; i < 2; i++) {
        apd_image_shape shape = shapes[i], found;
        apd_error error = {0};
        uint8_t pixels[3 * 13 * 21];
        store_jpeg("a.png", shape,
                   shape.channels == 3 ? JCS_RGB : JCS_GRAYSCALE); /* the name does not count */
        assert_int_equal(apd_picture_shape(path_of("a.png"), &found, &error), APD_OK);
        assert_memory_equal(&found, &shape, sizeof shape);
        shape.channels = 3; /* also of the grey one */
        assert_int_equal(apd_picture_read(path_of("a.png"), shape, pixels, &error), APD_OK);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 13; y++)
                for (int x = 0; x < 21; x++)
                    assert_true(abs(pixels[(c * 13 + y) * 21 + x] - pixel_at(i == 0 ? c : 0, y, x)) <= 4);
    }
}

/* Where the stored row 0 and column 0 are shown, in the words of the standard. */
static void read_turns_photographs(void **state) {
    (void)state;
    static const char *const words[8][2] = {{"top", "left"},     {"top", "right"},  {"bottom", "right"},
                                            {"bottom", "left"},  {"left", "top"},   {"right", "top"},
                                            {"right", "bottom"}, {"left", "bottom"}};
    const apd_image_shape stored = {3, 13, 21};
    for (int o = 1; o <= 10; o++)
        for (int little = 0; little < 2; little++) {
            const char *const *told = words[o <= 8 ? o - 1 : 0]; /* no orientation: as stored */
            const bool upright = strcmp(told[0], "top") == 0 || strcmp(told[0], "bottom") == 0;
            apd_image_shape found, expected = stored;
            apd_error error = {0};
            uint8_t pixels[3 * 13 * 21];
            exif_bytes = exif_segment(o, little != 0, exif);
            store_jpeg("turned.jpg", stored, JCS_RGB);
            expected.height = upright ? 13 : 21;
            expected.width = upright ? 21 : 13;
            assert_int_equal(apd_picture_shape(path_of("turned.jpg"), &found, &error), APD_OK);
            assert_memory_equal(&found, &expected, sizeof found);
            assert_int_equal(apd_picture_read(path_of("turned.jpg"), found, pixels, &error), APD_OK);
            for (int y = 0; y < 13; y++)
                for (int x = 0; x < 21; x++) {
                    bool y_first = told[0][0] == 't' || told[0][0] == 'l';
                    bool x_first = told[1][0] == 't' || told[1][0] == 'l';
                    int along_rows = y_first ? y : 12 - y, along_columns = x_first ? x : 20 - x;
                    int down = upright ? along_rows : along_columns;
                    int across = upright ? along_columns : along_rows;
                    for (int c = 0; c < 3; c++)
                        assert_true(abs(pixels[(c * expected.height + down) * expected.width + across] -
                                        pixel_at(c, y, x)) <= 4);
                }
        }
    for (unsigned cut = 1; cut < 48; cut++) { /* cut short: as stored, or as told, never more */
        apd_image_shape found;
        apd_error error = {0};
        (void)exif_segment(6, cut % 2 == 0, exif);
        exif_bytes = cut;
        store_jpeg("turned.jpg", stored, JCS_RGB);
        assert_int_equal(apd_picture_shape(path_of("turned.jpg"), &found, &error), APD_OK);
        assert_true(cut < 38 ? found.height == 13 : found.height == 21);
    }
    exif_bytes = 0;
}

static void read_wrong_files_are_named(void **state) {
    (void)state;
    apd_image_shape shape = {3, 20, 20}, found;
    apd_error error = {0};
    uint8_t pixels[3 * 20 * 20];
    store_jpeg("a.jpg", shape, JCS_RGB);
    run("head -c 300 '%s/a.jpg' > '%s/cut.jpg'", folder, folder);
    apd_status status = apd_picture_read(path_of("cut.jpg"), shape, pixels, &error);
    assert_int_equal(status, APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "cut.jpg: not a good JPEG file"));
    error = (apd_error){0};
    store_jpeg("four.jpg", (apd_image_shape){4, 20, 20}, JCS_CMYK);
    assert_int_equal(apd_picture_shape(path_of("four.jpg"), &found, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "four.jpg: has 4 colours; 1 (grey) or 3 are needed"));
    error = (apd_error){0};
    shape.width = 19;
    assert_int_equal(apd_picture_read(path_of("a.jpg"), shape, pixels, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "3 x 20 x 20 (channels x height x width); 3 x 20 x 19 is needed"));
    run("echo text > '%s/a.txt'; : > '%s/empty'", folder, folder);
    assert_int_equal(apd_picture_shape(path_of("a.txt"), &found, &error), APD_ERROR_DATA);
    assert_int_equal(apd_picture_shape(path_of("empty"), &found, &error), APD_ERROR_DATA);
    error = (apd_error){0};
    assert_int_equal(apd_picture_shape(path_of("none"), &found, &error), APD_ERROR_IO);
}

/* Every byte of a small file changed in turn: read, or refused, never more. */
static void read_changed_jpeg_never_crashes(void **state) {
    (void)state;
    apd_image_shape shape = {3, 9, 9};
    exif_bytes = exif_segment(6, true, exif);
    store_jpeg("a.jpg", shape, JCS_RGB);
    exif_bytes = 0;
    FILE *file = fopen(path_of("a.jpg"), "rb");
    assert_non_null(file);
    static uint8_t bytes[4096];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x5a;
        file = fopen(path_of("b.jpg"), "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        bytes[i] ^= 0x5a;
        uint8_t pixels[3 * 9 * 9];
        apd_error error = {0};
        apd_status status = apd_picture_read(path_of("b.jpg"), shape, pixels, &error);
        assert_true(status == APD_OK || status == APD_ERROR_DATA);
        assert_true(status == APD_OK || strstr(error.message, "b.jpg") != NULL);
    }
}

static void fit_of_equal_shape_is_a_copy(void **state) {
    (void)state;
    uint8_t in[3 * 7 * 5], out[3 * 7 * 5];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 37);
    apd_picture_fit((apd_image_shape){3, 7, 5}, in, (apd_image_shape){3, 7, 5}, out);
    assert_memory_equal(in, out, sizeof in);
}

/* A triangle filter keeps what is linear, away from the edges. */
static void fit_keeps_slopes(void **state) {
    (void)state;
    enum { FROM = 30, TO = 10, LARGE = 60 };
    uint8_t in[FROM * FROM], small[TO * TO], large[LARGE * LARGE];
    for (int y = 0; y < FROM; y++)
        for (int x = 0; x < FROM; x++)
            in[y * FROM + x] = (uint8_t)(4 * x + 2 * y);
    apd_picture_fit((apd_image_shape){1, FROM, FROM}, in, (apd_image_shape){1, TO, TO}, small);
    apd_picture_fit((apd_image_shape){1, FROM, FROM}, in, (apd_image_shape){1, LARGE, LARGE}, large);
    for (int y = 1; y < TO - 1; y++)
        for (int x = 1; x < TO - 1; x++)
            assert_int_equal(small[y * TO + x], 4 * (3 * x + 1) + 2 * (3 * y + 1));
    for (int y = 2; y < LARGE - 2; y++)
        for (int x = 2; x < LARGE - 2; x++)
            assert_true(fabs(large[y * LARGE + x] - 4 * (x / 2.0 - 0.25) - 2 * (y / 2.0 - 0.25)) <= 0.5);
}

static void fit_crops_around_the_middle(void **state) {
    (void)state;
    uint8_t in[4 * 12], out[4 * 4];
    for (int i = 0; i < 4 * 12; i++)
        in[i] = (uint8_t)(i % 12 / 4 * 100); /* three squares: 0, 100, 200 */
    apd_picture_fit((apd_image_shape){1, 4, 12}, in, (apd_image_shape){1, 4, 4}, out);
    for (int i = 0; i < 16; i++)
        assert_int_equal(out[i], 100);
}

static void fit_turns_colours(void **state) {
    (void)state;
    const uint8_t colour[] = {255, 0, 0, 0, 255, 0, 0, 0, 255}; /* red, green and blue pixels, by planes */
    uint8_t grey[3], back[9];
    apd_picture_fit((apd_image_shape){3, 1, 3}, colour, (apd_image_shape){1, 1, 3}, grey);
    assert_int_equal(grey[0], 76); /* ITU-R BT.601 */
    assert_int_equal(grey[1], 150);
    assert_int_equal(grey[2], 29);
    apd_picture_fit((apd_image_shape){1, 1, 3}, grey, (apd_image_shape){3, 1, 3}, back);
    for (int c = 0; c < 3; c++)
        assert_memory_equal(back + 3 * c, grey, 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(read_jpeg_gives_planes),
        CASE(read_turns_photographs),
        CASE(read_wrong_files_are_named),
        CASE(read_changed_jpeg_never_crashes),
        cmocka_unit_test(fit_of_equal_shape_is_a_copy),
        cmocka_unit_test(fit_keeps_slopes),
        cmocka_unit_test(fit_crops_around_the_middle),
        cmocka_unit_test(fit_turns_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
