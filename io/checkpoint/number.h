/* number: the kinds of numbers in a checkpoint's files, and the shapes of its arrays. */
#ifndef APD_IO_CHECKPOINT_NUMBER_H
#define APD_IO_CHECKPOINT_NUMBER_H

#include <stdint.h>

/* Append only: digests depend on these values. */
typedef enum apd_number {
    APD_I32,
    APD_I64,
    APD_U64,
    APD_F32,
    APD_F64,
    APD_TEXT, /* of a fixed length in bytes, filled up with zeros */
    APD_U8,
    APD_F16 /* in files alone: float32 in memory */
} apd_number;

/* Rank 0 (one number), 1 or 2. */
typedef struct apd_shape {
    apd_number number;
    int64_t text; /* bytes of a TEXT; else ignored */
    int rank;
    int64_t extents[2];
} apd_shape;

#define APD_ANY (-1) /* an extent, or the length of a text, that is taken from the file */

static inline int64_t apd_number_bytes(apd_number number, int64_t text) {
    static const int64_t bytes[] = {4, 8, 8, 4, 8, 1, 1, 2};
    return number == APD_TEXT ? text : bytes[number];
}

static inline const char *apd_number_name(apd_number number) {
    static const char *const names[] = {"int32",   "int64", "uint64", "float32",
                                        "float64", "text",  "uint8",  "float16"};
    return names[number];
}

/* How many numbers there are, and bytes. */
static inline int64_t apd_shape_count(const apd_shape *shape) {
    return (shape->rank > 0 ? shape->extents[0] : 1) * (shape->rank > 1 ? shape->extents[1] : 1);
}

static inline int64_t apd_shape_bytes(const apd_shape *shape) {
    return apd_shape_count(shape) * apd_number_bytes(shape->number, shape->text);
}

#endif
