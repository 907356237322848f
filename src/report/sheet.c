#include "report/sheet.h"

#include "base/memory.h"
#include "tables/cells.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

apd_sheet apd_sheet_make(const char *name, int columns, int64_t rows) {
    apd_sheet sheet = {.columns = columns, .rows = rows};
    (void)snprintf(sheet.name, sizeof sheet.name, "%s", name);
    sheet.headings = apd_allocate(columns, sizeof *sheet.headings, "headings");
    sheet.digits = apd_allocate(columns, sizeof *sheet.digits, "digits");
    sheet.cells = apd_allocate(rows * columns, sizeof *sheet.cells, "the numbers of a figure");
    for (int64_t i = 0; i < rows * columns; i++)
        sheet.cells[i] = NAN;
    return sheet;
}

void apd_sheet_clear(apd_sheet *sheet) {
    for (int c = 0; c < sheet->columns; c++)
        free(sheet->headings[c]);
    for (int64_t r = 0; sheet->labels != NULL && r < sheet->rows; r++)
        free(sheet->labels[r]);
    free(sheet->labels);
    free(sheet->headings);
    free(sheet->digits);
    free(sheet->cells);
    *sheet = (apd_sheet){0};
}

void apd_sheet_head(apd_sheet *sheet, int column, int digits, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(sheet->headings[column]);
    sheet->headings[column] = apd_duplicate_text(text);
    sheet->digits[column] = digits;
}

void apd_sheet_label(apd_sheet *sheet, int64_t row, const char *text) {
    if (sheet->labels == NULL)
        sheet->labels = apd_allocate(sheet->rows, sizeof *sheet->labels, "labels");
    free(sheet->labels[row]);
    sheet->labels[row] = apd_duplicate_text(text);
}

/* "nan" where there is none, as gnuplot's `set datafile missing` has it in every script. */
static void put_number(FILE *file, double number, int digits) {
    if (isnan(number))
        (void)fputs("nan", file);
    else if (digits < 0)
        (void)fprintf(file, "%.5g", number);
    else
        (void)fprintf(file, "%.*f", digits, number);
}

void apd_sheet_block(const apd_sheet *sheet, FILE *script) {
    (void)fprintf(script, "$%s << EOD\n", sheet->name);
    for (int64_t r = 0; r < sheet->rows; r++)
        for (int c = 0; c < sheet->columns; c++) {
            put_number(script, *apd_sheet_at(sheet, r, c), sheet->digits[c]);
            (void)fputc(c + 1 < sheet->columns ? '\t' : '\n', script);
        }
    (void)fputs("EOD\n", script);
}

void apd_sheet_html(const apd_sheet *sheet, FILE *page) {
    (void)fputs("<div class=\"scroll\"><table><thead><tr>", page);
    if (sheet->labels != NULL)
        (void)fputs("<th class=\"text\"></th>", page);
    for (int c = 0; c < sheet->columns; c++) {
        (void)fputs("<th>", page);
        apd_html_text(page, sheet->headings[c] != NULL ? sheet->headings[c] : "");
        (void)fputs("</th>", page);
    }
    (void)fputs("</tr></thead><tbody>\n", page);
    for (int64_t r = 0; r < sheet->rows; r++) {
        (void)fputs("<tr>", page);
        if (sheet->labels != NULL) {
            (void)fputs("<th class=\"text\">", page);
            apd_html_text(page, sheet->labels[r] != NULL ? sheet->labels[r] : "");
            (void)fputs("</th>", page);
        }
        for (int c = 0; c < sheet->columns; c++) {
            (void)fputs("<td>", page);
            if (!isnan(*apd_sheet_at(sheet, r, c)))
                put_number(page, *apd_sheet_at(sheet, r, c), sheet->digits[c]);
        }
        (void)fputs("\n", page);
    }
    (void)fputs("</tbody></table></div>\n", page);
}

static void put_row(const apd_sheet *sheet, int64_t row, apd_json *json) {
    int end = sheet->columns;
    while (sheet->matrix && end > 0 && isnan(*apd_sheet_at(sheet, row, end - 1)))
        end--;
    (void)fputs(row > 0 ? ",\n[" : "[", json->file);
    for (int c = 0; c < end; c++) {
        double number = *apd_sheet_at(sheet, row, c);
        if (c > 0)
            (void)fputc(',', json->file);
        if (isfinite(number))
            put_number(json->file, number, sheet->digits[c]);
        else
            (void)fputs("null", json->file);
    }
    (void)fputc(']', json->file);
}

void apd_sheet_json(const apd_sheet *sheet, apd_json *json) {
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "name", sheet->name);
    if (!sheet->matrix) {
        apd_json_begin_array(json, "columns");
        for (int c = 0; c < sheet->columns; c++)
            apd_json_text(json, NULL, sheet->headings[c] != NULL ? sheet->headings[c] : "");
        apd_json_end(json);
    }
    if (sheet->labels != NULL) {
        apd_json_begin_array(json, "labels");
        for (int64_t r = 0; r < sheet->rows; r++)
            apd_json_text(json, NULL, sheet->labels[r] != NULL ? sheet->labels[r] : "");
        apd_json_end(json);
    }
    /* numbers by themselves, a row a line: a value a line would be most of the page */
    apd_json_begin_array(json, "rows");
    for (int64_t r = 0; r < sheet->rows; r++)
        put_row(sheet, r, json);
    apd_json_end(json);
    apd_json_end(json);
}
