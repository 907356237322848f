/* tabular: a table as cells of text, written as Markdown, LaTeX or HTML; and paragraphs between tables. Local. */
#ifndef APD_TABLES_TABULAR_H
#define APD_TABLES_TABULAR_H

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct apd_tabular apd_tabular;

typedef struct apd_format {
    void (*text)(FILE *file, const char *text);
    const char *none, *minus, *plus_minus, *more, *less; /* more, less: which is better */
    const char *best[2], *second[2];                     /* before and after */
    const char *paragraph[2];
    bool counts; /* numbers tables itself */
    void (*put)(FILE *file, const apd_tabular *cells, const char *caption);
} apd_format;

/* LaTeX needs \usepackage{booktabs,graphicx}. */
extern const apd_format apd_markdown_format, apd_latex_format, apd_html_format;

/* Cells as they are written; row 0 is the heading. */
struct apd_tabular {
    const apd_format *as;
    int rows, columns;
    int left; /* columns that are aligned to the left */
    char **cells;
};

/* Clear it. Every cell has to be set before the table is put. */
apd_tabular apd_tabular_make(const apd_format *as, int rows, int columns, int left);
void apd_tabular_clear(apd_tabular *cells);

/* The cell takes the text, which ends here. */
void apd_tabular_set(apd_tabular *cells, int row, int column, apd_text *text);

/* The cell shows the characters of `shown`. */
void apd_tabular_set_text(apd_tabular *cells, int row, int column, const char *shown);

/* The cell shows the number; NaN: the format's `none`. `mark`: before and after it, or NULL. */
void apd_tabular_set_number(apd_tabular *cells, int row, int column, double number, int digits,
                            const char *const *mark);

/* The number with the format's minus; 0 has no sign. */
void apd_format_number(FILE *file, const apd_format *as, double number, int digits, const char *const *mark);

/* A paragraph. The caption of `put` is written as it stands; this shows the characters. */
void apd_format_say(FILE *file, const apd_format *as, const char *pattern, ...)
    __attribute__((format(printf, 3, 4)));

#endif
