/* glyph: drawings of strokes, for generate. Local.
 *
 * The plane is [-1, 1] x [-1, 1], x to the right, y down. Strokes are quadratic Bezier curves (lines and arcs) and rings, drawn
 * as polylines of some width. */
#ifndef APD_IO_IMAGES_GLYPH_H
#define APD_IO_IMAGES_GLYPH_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

#define APD_GLYPH_STROKES 5

typedef struct apd_point {
    double x, y;
} apd_point;

typedef struct apd_stroke {
    apd_point start, control, end; /* a ring: its centre in `start`, a point on it in `end` */
    bool ring;
} apd_stroke;

typedef struct apd_glyph {
    int count;
    apd_stroke strokes[APD_GLYPH_STROKES]; /* (count) */
} apd_glyph;

/* Random numbers read in sequence. */
typedef struct apd_draw {
    apd_random random;
    int64_t next;
} apd_draw;

double apd_draw_between(apd_draw *draw, double low, double high); /* uniform */
int apd_draw_below(apd_draw *draw, int bound);                    /* uniform in 0 .. bound-1 */
double apd_draw_normal(apd_draw *draw);

/* Invent a class' glyph: 3 to 5 strokes between the points of a jittered 3 x 3 lattice, most of them joined. */
apd_glyph apd_glyph_invent(apd_draw *draw);

/* Draw a stroke of brightness `ink` on the coverage `plane` (size, size): each pixel becomes the maximum of its old value and
 * ink * (its share within half_width of the stroke, estimated by distance). */
void apd_glyph_draw(const apd_stroke *stroke, double half_width, double ink, int size, float *plane);

#endif
