/* generate: glyph tasks with no download. A class is a glyph of a few strokes (lines and arcs); a sample is
 * that glyph under a random affine map, stroke width and noise, with clutter, rendered with anti-aliasing.
 * Seeded and counter-based: an image depends on (seed, class, sample) only. */
#ifndef APD_IO_IMAGES_GENERATE_H
#define APD_IO_IMAGES_GENERATE_H

#include "io/data/dataset.h"

typedef struct apd_generate_settings {
    int classes;     /* 2 .. 100000 */
    int train, test; /* images a class; 1 .. 100000 */
    int size;        /* pixels a side, 16 .. 128; one channel */
    uint64_t seed;
} apd_generate_settings;

/* Statuses: USAGE naming the setting and its range. */
apd_status apd_generate(const apd_generate_settings *settings, apd_dataset_content *content,
                        apd_error *error);

/* A PNG contact sheet: `columns` samples of each of the first `rows` classes of a split. */
apd_status apd_dataset_contact_sheet(const char *data_path, const char *png_path, int rows, int columns,
                                     apd_error *error);

#endif
