/* generate: a data set of glyphs, with no download. A class is a glyph of a few strokes (lines and arcs); a sample is the glyph
 * under a random affine map, with random stroke widths, clutter and noise, drawn with anti-aliasing. Local.
 *
 * Random numbers are counter-based: an image depends on (seed, class, sample) only. */
#ifndef APD_IO_IMAGES_GENERATE_H
#define APD_IO_IMAGES_GENERATE_H

#include "io/data/dataset.h"

typedef struct apd_generate_settings {
    int classes;     /* 2 .. 100000 */
    int train, test; /* images of each class; 1 .. 100000 */
    int size;        /* pixels a side, 16 .. 128; one channel */
    uint64_t seed;
} apd_generate_settings;

/* Draw a data set into `content`, to be cleared on success. Status: USAGE naming the setting and its range; `content` is then
 * untouched. */
apd_status apd_generate(const apd_generate_settings *settings, apd_dataset_content *content,
                        apd_error *error);

/* Write a PNG contact sheet of a data file: the first `columns` training images of each of the first `rows` classes. Statuses:
 * those of apd_dataset_open, _read and apd_png_write; USAGE for a sheet of impossible size. */
apd_status apd_dataset_contact_sheet(const char *data_path, const char *png_path, int rows, int columns,
                                     apd_error *error);

#endif
