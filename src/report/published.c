#include "report/published.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 3 };
static const char *const headings[COLUMNS] = {"name", "accuracy", "capacity"};

static apd_status find_columns(const apd_csv *csv, int columns[COLUMNS], apd_error *error) {
    for (int c = 0; c < COLUMNS; c++) {
        columns[c] = apd_csv_column(csv, headings[c]);
        if (columns[c] < 0)
            return apd_fail(
                error, APD_ERROR_DATA,
                "%s: it has no column %s; name, accuracy and capacity are needed, the last two in per cent",
                csv->path, headings[c]);
    }
    return APD_OK;
}

static apd_status read_point(const apd_csv *csv, int64_t row, const int columns[COLUMNS],
                             apd_published_point *out, apd_error *error) {
    out->name = apd_csv_cell(csv, row, columns[0]);
    APD_TRY(apd_csv_number(csv, row, columns[1], &out->accuracy, error));
    APD_TRY(apd_csv_number(csv, row, columns[2], &out->capacity, error));
    if (!(out->accuracy >= 0.0 && out->accuracy <= 100.0) || !(out->capacity > 0.0) || isinf(out->capacity))
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: line %lld: accuracy %g and capacity %g; 0 to 100 and above 0, in per cent, are needed",
            csv->path, (long long)csv->lines[row + 1], out->accuracy, out->capacity);
    return APD_OK;
}

apd_status apd_published_read(const char *path, apd_published *out, apd_error *error) {
    apd_published read = {0};
    int columns[COLUMNS];
    APD_TRY(apd_csv_read(path, APD_CSV_OTHERS, &read.file, error));
    apd_status status = find_columns(&read.file, columns, error);
    if (status == APD_OK && read.file.rows > 1000)
        status = apd_fail(error, APD_ERROR_DATA, "%s: it has %lld rows; at most 1000 can be shown", path,
                          (long long)read.file.rows);
    if (status == APD_OK) {
        read.count = (int)read.file.rows;
        read.points = apd_allocate(read.count, sizeof *read.points, "published results");
    }
    for (int p = 0; p < read.count && status == APD_OK; p++)
        status = read_point(&read.file, p, columns, &read.points[p], error);
    if (status == APD_OK)
        *out = read;
    else
        apd_published_clear(&read);
    return status;
}

void apd_published_clear(apd_published *published) {
    if (published->file.columns > 0)
        apd_csv_clear(&published->file);
    free(published->points);
    *published = (apd_published){0};
}
