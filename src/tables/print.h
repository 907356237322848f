/* print: a study's tables for people, as Markdown and as LaTeX; both from one list of columns, with the same digits.
 *
 * Each table comes in three: accuracies, what they cost, and its lines in pairs. In each column with a direction the best
 * line is bold, the second underlined (in Markdown: italic), by the digits that are shown. Local. */
#ifndef APD_TABLES_PRINT_H
#define APD_TABLES_PRINT_H

#include "tables/table_set.h"

#include <stdio.h>

void apd_print_markdown(FILE *file, const apd_table_set *study);
void apd_print_latex(FILE *file, const apd_table_set *study); /* needs \usepackage{booktabs} */

#endif
