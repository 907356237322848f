#include "tables/tabular.h"

#include "base/memory.h"
#include "tables/cells.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- cells ------------------------------------------------------------------------------------------------------- */

apd_tabular apd_tabular_make(const apd_format *as, int rows, int columns, int left) {
    apd_tabular made = {.as = as, .rows = rows, .columns = columns, .left = left};
    made.cells = apd_allocate((int64_t)rows * columns, sizeof *made.cells, "cells of a table");
    return made;
}

void apd_tabular_clear(apd_tabular *cells) {
    for (int i = 0; i < cells->rows * cells->columns; i++)
        free(cells->cells[i]);
    free(cells->cells);
}

void apd_tabular_set(apd_tabular *cells, int row, int column, apd_text *text) {
    cells->cells[row * cells->columns + column] = apd_text_end(text);
}

void apd_tabular_set_text(apd_tabular *cells, int row, int column, const char *shown) {
    apd_text text;
    apd_text_begin(&text, "a table");
    cells->as->text(text.file, shown);
    apd_tabular_set(cells, row, column, &text);
}

void apd_format_number(FILE *file, const apd_format *as, double number, int digits, const char *const *mark) {
    bool zero = round(number * pow(10.0, digits)) == 0.0;
    if (isnan(number))
        (void)fputs(as->none, file);
    else
        (void)fprintf(file, "%s%s%.*f%s", mark != NULL ? mark[0] : "", number < 0.0 && !zero ? as->minus : "",
                      digits, zero ? 0.0 : fabs(number), mark != NULL ? mark[1] : "");
}

void apd_tabular_set_number(apd_tabular *cells, int row, int place, double number, int digits,
                            const char *const *mark) {
    apd_text text;
    apd_text_begin(&text, "a table");
    apd_format_number(text.file, cells->as, number, digits, mark);
    apd_tabular_set(cells, row, place, &text);
}

static const char *at(const apd_tabular *cells, int row, int column) {
    return cells->cells[row * cells->columns + column];
}

/* --- Markdown ---------------------------------------------------------------------------------------------------- */

/* Characters of UTF-8 text. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void put_markdown_row(FILE *file, const apd_tabular *cells, int row, const int *widths) {
    for (int c = 0; c < cells->columns; c++) {
        int pad = widths[c] - width_of(at(cells, row, c));
        (void)fprintf(file, "| %*s%s%*s ", c < cells->left ? 0 : pad, "", at(cells, row, c),
                      c < cells->left ? pad : 0, "");
    }
    (void)fputs("|\n", file);
}

static void put_markdown(FILE *file, const apd_tabular *cells, const char *caption) {
    int *widths = apd_allocate(cells->columns, sizeof *widths, "widths of columns");
    for (int c = 0; c < cells->columns; c++) {
        widths[c] = 3; /* "--:" */
        for (int r = 0; r < cells->rows; r++)
            widths[c] = width_of(at(cells, r, c)) > widths[c] ? width_of(at(cells, r, c)) : widths[c];
    }
    (void)fprintf(file, "\n**%s**\n\n", caption);
    put_markdown_row(file, cells, 0, widths);
    for (int c = 0; c < cells->columns; c++) {
        (void)fputs(c < cells->left ? "| :" : "| ", file);
        for (int i = 1; i < widths[c]; i++)
            (void)fputc('-', file);
        (void)fputs(c < cells->left ? " " : ": ", file);
    }
    (void)fputs("|\n", file);
    for (int r = 1; r < cells->rows; r++)
        put_markdown_row(file, cells, r, widths);
    free(widths);
}

const apd_format apd_markdown_format = {.text = apd_markdown_text,
                                        .none = "-",
                                        .minus = "-",
                                        .plus_minus = " ± ",
                                        .more = " ↑",
                                        .less = " ↓",
                                        .best = {"**", "**"},
                                        .second = {"*", "*"},
                                        .paragraph = {"\n", "\n"},
                                        .put = put_markdown};

/* --- LaTeX ------------------------------------------------------------------------------------------------------- */

/* "bytes, coded, \%" in three lines: a heading is wider than its figures. */
static void put_latex_heading(FILE *file, const char *text, bool left) {
    const char *comma = strstr(text, ", ");
    if (comma == NULL) {
        (void)fputs(text, file);
        return;
    }
    (void)fprintf(file, "\\begin{tabular}[b]{@{}%c@{}}", left ? 'l' : 'r');
    for (; comma != NULL; text = comma + 2, comma = strstr(text, ", "))
        (void)fprintf(file, "%.*s\\\\", (int)(comma - text), text);
    (void)fprintf(file, "%s\\end{tabular}", text);
}

/* A table that is too wide for the page is made smaller. */
static void put_latex(FILE *file, const apd_tabular *cells, const char *caption) {
    (void)fprintf(file,
                  "\n\\begin{table}\n\\centering\n\\caption{%s}\n"
                  "\\setlength{\\tabcolsep}{4pt}\n\\resizebox{\\ifdim\\width>"
                  "\\linewidth\\linewidth\\else\\width\\fi}{!}{%%\n\\begin{tabular}{",
                  caption);
    for (int c = 0; c < cells->columns; c++)
        (void)fputc(c < cells->left ? 'l' : 'r', file);
    (void)fputs("}\n\\toprule\n", file);
    for (int r = 0; r < cells->rows; r++) {
        for (int c = 0; c < cells->columns; c++) {
            if (r == 0)
                put_latex_heading(file, at(cells, r, c), c < cells->left);
            else
                (void)fputs(at(cells, r, c), file);
            (void)fputs(c + 1 < cells->columns ? " & " : " \\\\\n", file);
        }
        if (r == 0)
            (void)fputs("\\midrule\n", file);
    }
    (void)fputs("\\bottomrule\n\\end{tabular}}\n\\end{table}\n", file);
}

const apd_format apd_latex_format = {.text = apd_latex_text,
                                     .none = "--",
                                     .minus = "$-$",
                                     .plus_minus = " $\\pm$ ",
                                     .more = " $\\uparrow$",
                                     .less = " $\\downarrow$",
                                     .best = {"\\textbf{", "}"},
                                     .second = {"\\underline{", "}"},
                                     .paragraph = {"\n\\par\\noindent ", "\n"},
                                     .counts = true,
                                     .put = put_latex};

/* --- HTML -------------------------------------------------------------------------------------------------------- */

static void put_html(FILE *file, const apd_tabular *cells, const char *caption) {
    (void)fprintf(file, "<p class=\"caption\">%s</p>\n<div class=\"scroll\"><table>\n", caption);
    for (int r = 0; r < cells->rows; r++) {
        (void)fputs(r == 0 ? "<thead><tr>" : "<tr>", file);
        for (int c = 0; c < cells->columns; c++) {
            const char *tag = r == 0 || c == 0 ? "th" : "td";
            const char *kind = c < cells->left ? " class=\"text\"" : "";
            (void)fprintf(file, "<%s%s>%s</%s>", tag, kind, at(cells, r, c), tag);
        }
        (void)fputs(r == 0 ? "</tr></thead>\n<tbody>\n" : "</tr>\n", file);
    }
    (void)fputs("</tbody></table></div>\n", file);
}

const apd_format apd_html_format = {.text = apd_html_text,
                                    .none = "\u2013",
                                    .minus = "\u2212",
                                    .plus_minus = " \u00b1 ",
                                    .more = " \u2191",
                                    .less = " \u2193",
                                    .best = {"<strong>", "</strong>"},
                                    .second = {"<u>", "</u>"},
                                    .paragraph = {"<p class=\"note\">", "</p>\n"},
                                    .put = put_html};

/* --- paragraphs -------------------------------------------------------------------------------------------------- */

void apd_format_say(FILE *file, const apd_format *as, const char *pattern, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, pattern);
    (void)vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    (void)fputs(as->paragraph[0], file);
    as->text(file, text);
    (void)fputs(as->paragraph[1], file);
}
