/* cells: texts and numbers in CSV, Markdown, LaTeX and HTML. Names come from files and folders and may hold anything. Local. */
#ifndef APD_TABLES_CELLS_H
#define APD_TABLES_CELLS_H

#include <stdio.h>

/* Write `text` so that the format shows its characters. Control characters and what is not UTF-8 become '?'. */
void apd_markdown_text(FILE *file, const char *text);
void apd_latex_text(FILE *file, const char *text);
void apd_html_text(FILE *file, const char *text); /* in an element, or in quotes as an attribute's value */

/* A number as a CSV cell with a comma before it: %.9g; empty for NaN. */
void apd_csv_cell_number(FILE *file, double number);

/* A text as a CSV cell with a comma before it: in quotes; empty for NULL. */
void apd_csv_cell_text(FILE *file, const char *text);

#endif
