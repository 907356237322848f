#include "network/kernels/square.h"

#define MOST_SIDE 6 /* pixels that become values: outputs along a tile, of a 3x3 kernel */

void apd_square_windows(const float *pixels, const apd_square_grid *at, float *out, int64_t out_step) {
    apd_lanes half[APD_POINTS][APD_POINTS], line[APD_POINTS], made[APD_POINTS];
    for (int y = 0; y < APD_POINTS; y++) {
        for (int x = 0; x < APD_POINTS; x++)
            line[x] = apd_lanes_load(pixels + y * at->row_step + x * at->step);
        apd_points_windows(line, half[y]);
    }
    for (int x = 0; x < APD_POINTS; x++) {
        for (int y = 0; y < APD_POINTS; y++)
            line[y] = half[y][x];
        apd_points_windows(line, made);
        for (int y = 0; y < APD_POINTS; y++)
            apd_lanes_store(out + (y * APD_POINTS + x) * out_step, made[y]);
    }
}

void apd_square_add_windows(const float *in, int64_t in_step, float *pixels, const apd_square_grid *at) {
    apd_lanes half[APD_POINTS][APD_POINTS], line[APD_POINTS], made[APD_POINTS];
    for (int y = 0; y < APD_POINTS; y++) {
        for (int x = 0; x < APD_POINTS; x++)
            line[x] = apd_lanes_load(in + (y * APD_POINTS + x) * in_step);
        apd_points_windows_transposed(line, half[y]);
    }
    for (int x = 0; x < APD_POINTS; x++) {
        for (int y = 0; y < APD_POINTS; y++)
            line[y] = half[y][x];
        apd_points_windows_transposed(line, made);
        for (int y = 0; y < APD_POINTS; y++) {
            float *to = pixels + y * at->row_step + x * at->step;
            apd_lanes_store(to, apd_lanes_load(to) + made[y]);
        }
    }
}

/* (count, count) pixels, zero beyond those that are there, to values at the points. */
APD_POINTS_INLINE void values(const int count, const int scaled, const float *pixels,
                              const apd_square_grid *at, float *out, int64_t out_step) {
    apd_lanes half[MOST_SIDE][APD_POINTS], line[MOST_SIDE], made[APD_POINTS];
    for (int y = 0; y < count; y++) {
        for (int x = 0; x < count; x++)
            line[x] = y < at->rows && x < at->columns
                          ? apd_lanes_load(pixels + y * at->row_step + x * at->step)
                          : (apd_lanes){0};
        apd_points_values(count, scaled, line, half[y]);
    }
    for (int x = 0; x < APD_POINTS; x++) {
        for (int y = 0; y < count; y++)
            line[y] = half[y][x];
        apd_points_values(count, scaled, line, made);
        for (int y = 0; y < APD_POINTS; y++)
            apd_lanes_store(out + (y * APD_POINTS + x) * out_step, made[y]);
    }
}

/* The transpose: pixels = start +, where they are. */
APD_POINTS_INLINE void pixels_of(const int count, const int scaled, const float *in, int64_t in_step,
                                 apd_lanes start, float *pixels, const apd_square_grid *at) {
    apd_lanes half[APD_POINTS][MOST_SIDE], line[APD_POINTS], made[MOST_SIDE];
    for (int y = 0; y < APD_POINTS; y++) {
        for (int x = 0; x < APD_POINTS; x++)
            line[x] = apd_lanes_load(in + (y * APD_POINTS + x) * in_step);
        apd_points_transposed(count, scaled, line, half[y]);
    }
    for (int x = 0; x < count && x < at->columns; x++) {
        for (int y = 0; y < APD_POINTS; y++)
            line[y] = half[y][x];
        apd_points_transposed(count, scaled, line, made);
        for (int y = 0; y < count; y++)
            if (y < at->rows)
                apd_lanes_store(pixels + y * at->row_step + x * at->step, start + made[y]);
    }
}

void apd_square_values(int count, const float *pixels, const apd_square_grid *at, float *out,
                       int64_t out_step) {
    switch (count) {
    case 3: values(3, 1, pixels, at, out, out_step); break;
    case 4: values(4, 0, pixels, at, out, out_step); break;
    case 5: values(5, 1, pixels, at, out, out_step); break;
    default: values(6, 0, pixels, at, out, out_step); break;
    }
}

void apd_square_pixels(int count, const float *in, int64_t in_step, const float *start, float *pixels,
                       const apd_square_grid *at) {
    apd_lanes first = apd_lanes_load(start);
    switch (count) {
    case 3: pixels_of(3, 1, in, in_step, first, pixels, at); break;
    case 4: pixels_of(4, 0, in, in_step, first, pixels, at); break;
    case 5: pixels_of(5, 1, in, in_step, first, pixels, at); break;
    default: pixels_of(6, 0, in, in_step, first, pixels, at); break;
    }
}
