#include "io/system/csv.h"

#include "base/counted.h"
#include "base/memory.h"
#include "io/system/file.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST ((int64_t)1 << 32) /* bytes of a file: the accuracies of 30,000 tasks */

typedef struct reading {
    apd_csv csv;
    apd_csv_writer writer;
    int64_t count, room; /* cells */
    int64_t row_room;
    char *at;
    int64_t line; /* from 1 */
} reading;

static bool ends_row(const reading *r, char c) {
    return c == '\n' || (c == '\0' && r->writer == APD_CSV_OTHERS);
}

/* Take the next cell, and move to the character behind it: a comma, a newline, or the end. False: no cell can be there. */
static bool take_cell(reading *r) {
    char *from = r->at, *to = r->at;
    bool quoted = *from == '"';
    if (r->count == r->room) {
        int64_t grown = r->room < 64 ? 64 : 2 * r->room;
        r->csv.cells = apd_reallocate(r->csv.cells, r->room, grown, sizeof *r->csv.cells, "cells of a table");
        r->room = grown;
    }
    r->csv.cells[r->count++] = to;
    if (!quoted) {
        r->at += strcspn(r->at, ",\n\"");
        if (*r->at == '\n' && r->at > from && r->at[-1] == '\r')
            r->at[-1] = '\0';
        return *r->at == ',' || ends_row(r, *r->at);
    }
    for (from++; *from != '\0' && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        r->line += *from == '\n';
        *to++ = *from;
    }
    if (*from == '\0')
        return false;
    r->at = from + 1;
    *to = '\0';
    if (*r->at == '\r' && r->at[1] == '\n')
        r->at++;
    return *r->at == ',' || ends_row(r, *r->at);
}

static void add_line(reading *r, int64_t row) {
    if (row == r->row_room) {
        int64_t grown = r->row_room < 64 ? 64 : 2 * r->row_room;
        r->csv.lines = apd_reallocate(r->csv.lines, row, grown, sizeof *r->csv.lines, "lines of a table");
        r->row_room = grown;
    }
    r->csv.lines[row] = r->line;
}

static apd_status take_row(reading *r, apd_error *error) {
    const int64_t first = r->count, line = r->line;
    add_line(r, r->csv.rows);
    for (;;) {
        bool whole = take_cell(r);
        char end = *r->at;
        if (!whole)
            return apd_fail(error, APD_ERROR_DATA, "%s: line %lld is cut off or no CSV", r->csv.path,
                            (long long)line);
        if (end != '\0')
            *r->at++ = '\0';
        if (end != ',')
            break;
    }
    r->line++;
    r->csv.rows++;
    if (first == 0)
        r->csv.columns = (int)r->count;
    if (r->count - first != r->csv.columns)
        return apd_fail(error, APD_ERROR_DATA, "%s: line %lld has %s, and line %lld has %d", r->csv.path,
                        (long long)line, apd_count(r->count - first, "cell").text, (long long)r->csv.lines[0],
                        r->csv.columns);
    return APD_OK;
}

static bool skip_empty_line(reading *r) {
    size_t length = *r->at == '\r' ? 1 : 0;
    if (r->at[length] != '\n')
        return false;
    r->at += length + 1;
    r->line++;
    return true;
}

apd_status apd_csv_read(const char *path, apd_csv_writer writer, apd_csv *csv, apd_error *error) {
    static const char mark[] = "\xEF\xBB\xBF"; /* of byte order */
    reading r = {.line = 1, .writer = writer};
    int64_t bytes = 0;
    apd_status status = APD_OK;
    APD_TRY(apd_read_file(path, LONGEST, &r.csv.text, &bytes, error));
    r.csv.path = apd_duplicate_text(path);
    r.at = r.csv.text;
    if (strlen(r.csv.text) < (size_t)bytes)
        APD_GO(apd_fail(error, APD_ERROR_DATA, "%s: is no text in UTF-8", path));
    if (strncmp(r.at, mark, strlen(mark)) == 0)
        r.at += strlen(mark);
    while (*r.at != '\0')
        if (!skip_empty_line(&r))
            APD_GO(take_row(&r, error));
    if (r.csv.rows == 0)
        APD_GO(apd_fail(error, APD_ERROR_DATA, "%s: is empty", path));
    r.csv.rows--; /* the header */
    *csv = r.csv;
    return APD_OK;
out:
    apd_csv_clear(&r.csv);
    return status;
}

void apd_csv_clear(apd_csv *csv) {
    free(csv->lines);
    free(csv->cells);
    free(csv->text);
    free(csv->path);
    *csv = (apd_csv){0};
}

int apd_csv_column(const apd_csv *csv, const char *heading) {
    for (int c = 0; c < csv->columns; c++)
        if (strcmp(csv->cells[c], heading) == 0)
            return c;
    return -1;
}

apd_status apd_csv_number(const apd_csv *csv, int64_t row, int column, double *number, apd_error *error) {
    const char *text = apd_csv_cell(csv, row, column);
    char *end = NULL;
    *number = *text == '\0' ? (double)NAN : strtod(text, &end);
    if (*text == '\0' || (*end == '\0' && isfinite(*number)))
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA, "%s: line %lld has '%s' in column %s; a number is needed",
                    csv->path, (long long)csv->lines[row + 1], text, csv->cells[column]);
}
