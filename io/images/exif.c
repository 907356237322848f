#include "io/images/exif.h"

#include <string.h>

enum { HEAD = 6, ENTRY = 12, ORIENTATION = 0x0112, SHORT = 3 };

/* A TIFF structure: numbers with their lowest byte first ("II") or last ("MM"). */
typedef struct tiff {
    const uint8_t *at;
    size_t bytes;
    int little;
} tiff;

/* The number of `size` bytes at `from`; 0 where it ends too early. */
static uint32_t number(const tiff *t, size_t from, size_t size) {
    uint32_t value = 0;
    if (from > t->bytes || size > t->bytes - from)
        return 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | t->at[from + (t->little ? size - 1 - i : i)];
    return value;
}

int apd_exif_orientation(const uint8_t *segment, size_t bytes) {
    if (bytes < HEAD + 8 || memcmp(segment, "Exif\0", HEAD) != 0)
        return 1;
    tiff t = {.at = segment + HEAD, .bytes = bytes - HEAD, .little = segment[HEAD] == 'I'};
    if (memcmp(t.at, t.little ? "II" : "MM", 2) != 0 || number(&t, 2, 2) != 42)
        return 1;
    size_t directory = number(&t, 4, 4), count = number(&t, directory, 2);
    for (size_t e = 0; e < count; e++) {
        size_t entry = directory + 2 + e * ENTRY;
        if (number(&t, entry, 2) != ORIENTATION || number(&t, entry + 2, 2) != SHORT)
            continue;
        uint32_t told = number(&t, entry + 8, 2);
        return told >= 1 && told <= 8 ? (int)told : 1;
    }
    return 1;
}

size_t apd_exif_place(int orientation, apd_image_shape stored, int y, int x) {
    const int below = stored.height - 1 - y, right = stored.width - 1 - x;
    const int rows[] = {y, y, below, below, x, x, right, right};
    const int columns[] = {x, right, right, x, y, below, below, y};
    const int width = apd_exif_swaps(orientation) ? stored.height : stored.width;
    return (size_t)rows[orientation - 1] * (size_t)width + (size_t)columns[orientation - 1];
}
