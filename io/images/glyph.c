#include "io/images/glyph.h"

#include <math.h>
#include <stdlib.h>

#define PI      3.14159265358979323846
#define PIECES  12 /* of the polyline that stands for a curve */
#define SPACING 0.62
#define LATTICE 9

double apd_draw_between(apd_draw *draw, double low, double high) {
    return low + (high - low) * (double)apd_random_uniform(&draw->random, draw->next++);
}

int apd_draw_below(apd_draw *draw, int bound) {
    return (int)apd_draw_between(draw, 0.0, (double)bound);
}

double apd_draw_normal(apd_draw *draw) {
    float value;
    apd_random_normal(&draw->random, draw->next, 1, &value);
    draw->next++;
    return (double)value;
}

/* --- invention --------------------------------------------------------------------------------------- */

static void shake_lattice(apd_draw *draw, apd_point points[LATTICE]) {
    for (int i = 0; i < LATTICE; i++) {
        points[i].x = SPACING * (i % 3 - 1) + apd_draw_between(draw, -0.1, 0.1);
        points[i].y = SPACING * (i / 3 - 1) + apd_draw_between(draw, -0.1, 0.1);
    }
}

static apd_stroke make_stroke(apd_draw *draw, apd_point start, apd_point end) {
    apd_stroke stroke = {.start = start, .end = end};
    double kind = apd_draw_between(draw, 0.0, 1.0);
    double bulge = apd_draw_between(draw, 0.5, 1.0) * (apd_draw_below(draw, 2) == 0 ? -1.0 : 1.0);
    double angle = apd_draw_between(draw, 0.0, 2.0 * PI), radius = apd_draw_between(draw, 0.2, 0.32);
    if (kind < 0.5)
        bulge = 0.0;
    stroke.control.x = (start.x + end.x) / 2.0 - bulge * (end.y - start.y);
    stroke.control.y = (start.y + end.y) / 2.0 + bulge * (end.x - start.x);
    stroke.ring = kind > 0.88;
    if (stroke.ring)
        stroke.end = (apd_point){start.x + radius * cos(angle), start.y + radius * sin(angle)};
    return stroke;
}

apd_glyph apd_glyph_invent(apd_draw *draw) {
    apd_point points[LATTICE];
    bool joined[LATTICE][LATTICE] = {{false}};
    apd_glyph glyph = {.count = 3 + apd_draw_below(draw, APD_GLYPH_STROKES - 2)};
    shake_lattice(draw, points);
    int start = apd_draw_below(draw, LATTICE);
    for (int made = 0; made < glyph.count;) {
        int end = apd_draw_below(draw, LATTICE);
        if (end == start || joined[start][end])
            continue;
        joined[start][end] = joined[end][start] = true;
        glyph.strokes[made++] = make_stroke(draw, points[start], points[end]);
        bool go_on = apd_draw_between(draw, 0.0, 1.0) < 0.7;
        start = go_on ? end : apd_draw_below(draw, LATTICE);
    }
    return glyph;
}

/* --- drawing ----------------------------------------------------------------------------------------- */

/* The point at t in 0..1 along a stroke. */
static apd_point along(const apd_stroke *stroke, double t) {
    if (stroke->ring) {
        double dx = stroke->end.x - stroke->start.x, dy = stroke->end.y - stroke->start.y;
        double c = cos(2.0 * PI * t), s = sin(2.0 * PI * t);
        return (apd_point){stroke->start.x + c * dx - s * dy, stroke->start.y + s * dx + c * dy};
    }
    double a = (1.0 - t) * (1.0 - t), b = 2.0 * t * (1.0 - t), c = t * t;
    return (apd_point){a * stroke->start.x + b * stroke->control.x + c * stroke->end.x,
                       a * stroke->start.y + b * stroke->control.y + c * stroke->end.y};
}

static double distance_to(apd_point p, apd_point a, apd_point b) {
    double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    double t = length > 0.0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length : 0.0;
    t = fmin(1.0, fmax(0.0, t));
    return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* The pixels whose centres may lie within `reach` of low..high: first .. last. */
static void pixel_range(double low, double high, double reach, int size, int *first, int *last) {
    double scale = size / 2.0;
    *first = (int)fmax(0.0, fmin(size, floor((low - reach + 1.0) * scale - 0.5)));
    *last = (int)fmin(size - 1.0, fmax(-1.0, ceil((high + reach + 1.0) * scale - 0.5)));
}

/* A pixel's coverage falls from 1 to 0 over one pixel's width around the stroke's edge. */
static void draw_piece(apd_point a, apd_point b, double half_width, double ink, int size, float *plane) {
    double pixel = 2.0 / size, reach = half_width + pixel;
    int left, right, top, bottom;
    pixel_range(fmin(a.x, b.x), fmax(a.x, b.x), reach, size, &left, &right);
    pixel_range(fmin(a.y, b.y), fmax(a.y, b.y), reach, size, &top, &bottom);
    for (int row = top; row <= bottom; row++)
        for (int column = left; column <= right; column++) {
            apd_point centre = {(column + 0.5) * pixel - 1.0, (row + 0.5) * pixel - 1.0};
            double covered = 0.5 + (half_width - distance_to(centre, a, b)) / pixel;
            float value = (float)(ink * fmin(1.0, fmax(0.0, covered)));
            float *here = plane + row * size + column;
            *here = value > *here ? value : *here;
        }
}

void apd_glyph_draw(const apd_stroke *stroke, double half_width, double ink, int size, float *plane) {
    apd_point from = along(stroke, 0.0);
    for (int i = 1; i <= PIECES; i++) {
        apd_point to = along(stroke, (double)i / PIECES);
        draw_piece(from, to, half_width, ink, size, plane);
        from = to;
    }
}
