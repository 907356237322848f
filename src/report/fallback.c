#include "report/fallback.h"

#include "base/memory.h"
#include "io/images/png.h"
#include "io/system/file.h"
#include "tables/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- sparklines ------------------------------------------------------------------------------------------------------ */

/* A column as a line 120 x 24 with its last value behind; nothing for deviations and columns without two numbers. */
static void put_sparkline(const apd_sheet *sheet, int column, FILE *page) {
    double low = INFINITY, high = -INFINITY, last = NAN;
    int64_t count = 0, step = sheet->rows / 240 + 1;
    for (int64_t r = 0; r < sheet->rows; r++) {
        double value = *apd_sheet_at(sheet, r, column);
        if (isnan(value))
            continue;
        low = fmin(low, value);
        high = fmax(high, value);
        last = value;
        count++;
    }
    if (count < 2 || sheet->headings[column] == NULL || strncmp(sheet->headings[column], "±", 2) == 0)
        return;
    if (high - low < 1e-3 * fabs(high)) /* rounding is no news */
        low = high = last;
    (void)fputs("<tr><th class=\"text\">", page);
    apd_html_text(page, sheet->headings[column]);
    (void)fputs("</th><td><svg class=\"spark\" viewBox=\"-1 -1 122 26\"><polyline points=\"", page);
    for (int64_t r = 0; r < sheet->rows; r += step) {
        double value = *apd_sheet_at(sheet, r, column);
        if (!isnan(value))
            (void)fprintf(page, "%.1f,%.1f ", 120.0 * (double)r / (double)(sheet->rows - 1),
                          high > low ? 24.0 * (high - value) / (high - low) : 12.0);
    }
    (void)fprintf(page, "\"/></svg></td><td>%.5g</td></tr>\n", last);
}

static void put_sparklines(const apd_sheet *sheet, FILE *page) {
    (void)fputs("<div class=\"scroll\"><table class=\"sparks\">\n", page);
    for (int c = 1; c < sheet->columns; c++)
        put_sparkline(sheet, c, page);
    (void)fputs("</table></div>\n", page);
}

/* --- the matrix ------------------------------------------------------------------------------------------------------ */

/* Viridis in five stops, which gnuplot's figure has, too. */
static void colour_of(double share, uint8_t rgb[3]) {
    static const double stops[5][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
    double at = 4.0 * fmin(fmax(share, 0.0), 1.0);
    int low = at < 3.0 ? (int)at : 3;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(stops[low][c] + (at - low) * (stops[low + 1][c] - stops[low][c]));
}

static void put_base64(const char *bytes, int64_t count, FILE *page) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int64_t i = 0; i < count; i += 3) {
        uint32_t word = 0;
        for (int k = 0; k < 3; k++)
            word = word << 8 | (i + k < count ? (uint8_t)bytes[i + k] : 0U);
        for (int k = 0; k < 4; k++)
            (void)fputc(i + k - 1 < count ? digits[word >> (18 - 6 * k) & 63U] : '=', page);
    }
}

/* A cell is a square of pixels; white above the diagonal. */
static apd_status put_matrix(const apd_drawing *drawing, const char *folder, FILE *page, apd_error *error) {
    const apd_sheet *sheet = &drawing->sheets[0];
    const double low = 100.0 * drawing->group->low, high = 100.0 * drawing->group->high;
    const int cell = sheet->rows > 250 ? 1 : (int)(500 / sheet->rows), side = cell * (int)sheet->rows;
    const int64_t plane = (int64_t)side * side;
    uint8_t *pixels = apd_allocate(3 * plane, 1, "a picture");
    for (int64_t i = 0; i < plane; i++) {
        double value = *apd_sheet_at(sheet, i / side / cell, (int)(i % side) / cell);
        uint8_t rgb[3] = {255, 255, 255};
        if (!isnan(value))
            colour_of(high > low ? (value - low) / (high - low) : 1.0, rgb);
        for (int c = 0; c < 3; c++)
            pixels[c * plane + i] = rgb[c];
    }
    char name[80], *path, *bytes = NULL;
    int64_t count = 0;
    (void)snprintf(name, sizeof name, "%s.png", drawing->name);
    path = apd_join_path(folder, name);
    apd_status status = apd_png_write(path, (apd_image_shape){3, side, side}, pixels, error);
    if (status == APD_OK)
        status = apd_read_file(path, 1 << 26, &bytes, &count, error);
    if (status == APD_OK) {
        (void)fputs("<img class=\"plot\" alt=\"\" src=\"data:image/png;base64,", page);
        put_base64(bytes, count, page);
        (void)fprintf(page, "\">\n<p class=\"note\">From %.1f %% (dark) to %.1f %% (light).</p>\n", low,
                      high);
    }
    free(bytes);
    free(path);
    free(pixels);
    return status;
}

apd_status apd_fallback_put(const apd_drawing *drawing, const char *folder, FILE *page, apd_error *error) {
    if (drawing->sheets[0].matrix)
        return put_matrix(drawing, folder, page, error);
    if (drawing->sheets[0].labels != NULL) /* rows are things, not times */
        apd_sheet_html(&drawing->sheets[0], page);
    for (int s = 0; s < drawing->sheet_count && drawing->sheets[0].labels == NULL; s++)
        if (drawing->sheets[s].rows > 1)
            put_sparklines(&drawing->sheets[s], page);
    return APD_OK;
}
