#include "tables/cells.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "io/system/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What LaTeX does not show as it stands. */
static const struct {
    char character;
    const char *instead;
} latex[] = {
    {'\\', "\\textbackslash{}"},
    {'~', "\\textasciitilde{}"},
    {'^', "\\textasciicircum{}"},
    {'|', "\\textbar{}"},
    {'<', "\\textless{}"},
    {'>', "\\textgreater{}"},
    {'_', "\\_"},
    {'%', "\\%"},
    {'&', "\\&"},
    {'#', "\\#"},
    {'$', "\\$"},
    {'{', "\\{"},
    {'}', "\\}"},
};

void apd_latex_text(FILE *file, const char *text) {
    char *clean = apd_duplicate_text(text);
    apd_utf8_clean(clean);
    for (const char *c = clean; *c != '\0'; c++) {
        size_t i = 0, count = sizeof latex / sizeof *latex;
        while (i < count && latex[i].character != *c)
            i++;
        if (i < count)
            (void)fputs(latex[i].instead, file);
        else
            (void)fputc(*c, file);
    }
    free(clean);
}

void apd_markdown_text(FILE *file, const char *text) {
    char *clean = apd_duplicate_text(text);
    apd_utf8_clean(clean);
    for (const char *c = clean; *c != '\0'; c++) {
        if (strchr("\\`*_{}[]<>#|~$&^", *c) != NULL)
            (void)fputc('\\', file);
        (void)fputc(*c, file);
    }
    free(clean);
}

void apd_html_text(FILE *file, const char *text) {
    static const char *const entities[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    char *clean = apd_duplicate_text(text);
    apd_utf8_clean(clean);
    for (const unsigned char *c = (const unsigned char *)clean; *c != '\0'; c++)
        if (*c < 128 && entities[*c] != NULL)
            (void)fputs(entities[*c], file);
        else
            (void)fputc(*c, file);
    free(clean);
}

void apd_csv_cell_number(FILE *file, double number) {
    (void)fputc(',', file);
    if (!isnan(number))
        (void)fprintf(file, "%.9g", number);
}

void apd_csv_cell_text(FILE *file, const char *text) {
    (void)fputc(',', file);
    if (text != NULL)
        apd_csv_text(file, text);
}
