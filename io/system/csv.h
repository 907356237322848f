/* csv: cells of CSV files (RFC 4180), written and read. */
#ifndef APD_IO_SYSTEM_CSV_H
#define APD_IO_SYSTEM_CSV_H

#include "base/status.h"

#include <stdint.h>
#include <stdio.h>

/* Write `text` in double quotes, with double quotes inside it doubled (RFC 4180). */
static inline void apd_csv_text(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

/* A file in memory, its first row being the header. */
typedef struct apd_csv {
    char *path, *text; /* owned */
    int columns;
    int64_t rows;   /* without the header */
    char **cells;   /* (rows + 1, columns), into text; quotes removed */
    int64_t *lines; /* (rows + 1): where the row begins, from 1 */
} apd_csv;

/* Who wrote a file: apd ends the last row with a newline, so that one without has been cut off; others may leave it out. */
typedef enum apd_csv_writer { APD_CSV_OURS, APD_CSV_OTHERS } apd_csv_writer;

/* Read the file. Every row has as many cells as the header; a byte order mark, carriage returns before newlines and empty lines are
 * left out. Statuses: IO, REQUEUE; DATA with the line. `*csv` is set on success only; clear it. */
apd_status apd_csv_read(const char *path, apd_csv_writer writer, apd_csv *csv, apd_error *error);
void apd_csv_clear(apd_csv *csv);

/* The cell of row 0 .. rows-1, or of the header (-1). */
static inline const char *apd_csv_cell(const apd_csv *csv, int64_t row, int column) {
    return csv->cells[(row + 1) * csv->columns + column];
}

/* The column with this heading; -1: there is none. */
int apd_csv_column(const apd_csv *csv, const char *heading);

/* The number in a cell; NaN for an empty one. Status: DATA with the line and the heading. */
apd_status apd_csv_number(const apd_csv *csv, int64_t row, int column, double *number, apd_error *error);

#endif
