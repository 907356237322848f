/* sheet: the numbers behind a figure: one table, written as a data block of gnuplot, as HTML and as JSON. Local. */
#ifndef APD_REPORT_SHEET_H
#define APD_REPORT_SHEET_H

#include "io/system/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct apd_sheet {
    char name[24]; /* of the data block: $NAME */
    int columns;
    int64_t rows;
    char **headings; /* (columns), owned */
    int *digits;     /* (columns) after the point; -1: significant ones, five */
    double *cells;   /* (rows, columns); NaN: none */
    char **labels;   /* (rows) owned, a first column of text in the page; NULL: none */
    bool matrix;     /* rows that end in NaN are cut there, and the page has it as JSON alone */
} apd_sheet;

/* A sheet with cells of NaN. Clear it. */
apd_sheet apd_sheet_make(const char *name, int columns, int64_t rows);
void apd_sheet_clear(apd_sheet *sheet);

/* Name a column. */
void apd_sheet_head(apd_sheet *sheet, int column, int digits, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline double *apd_sheet_at(const apd_sheet *sheet, int64_t row, int column) {
    return &sheet->cells[row * sheet->columns + column];
}

/* Label a row; the text is copied. */
void apd_sheet_label(apd_sheet *sheet, int64_t row, const char *text);

void apd_sheet_block(const apd_sheet *sheet, FILE *script);
void apd_sheet_html(const apd_sheet *sheet, FILE *page);
void apd_sheet_json(const apd_sheet *sheet, apd_json *json);

#endif
