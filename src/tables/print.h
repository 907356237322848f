/* print: a study's tables for people, as Markdown, LaTeX and HTML; all from one list of columns, with the same digits.
 *
 * Each table comes in three: accuracies, what they cost, and its lines in pairs. In each column with a direction the best
 * line is bold, the second underlined (in Markdown: italic), by the digits that are shown. Local. */
#ifndef APD_TABLES_PRINT_H
#define APD_TABLES_PRINT_H

#include "tables/table_set.h"

#include <stdio.h>

void apd_print_markdown(FILE *file, const apd_table_set *study);
void apd_print_latex(FILE *file, const apd_table_set *study); /* needs \usepackage{booktabs,graphicx} */

/* One table of the study as HTML, for a page that says more: its parts, with no task named that is left out. */
enum { APD_PRINT_LINES = 1, APD_PRINT_PAIRS = 2, APD_PRINT_MEANING = 4 };
void apd_print_html(FILE *file, const apd_table_set *study, int table, unsigned parts);

#endif
