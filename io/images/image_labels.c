/* Images and classes from a table: a CSV file. */
#include "base/counted.h"
#include "base/utf8.h"
#include "io/images/image_list.h"
#include "io/system/csv.h"

#include <string.h>
#include <strings.h>

enum { PATH, CLASS, SET, COLUMNS };

/* What a header may call the columns. */
static const char *const headings[COLUMNS][5] = {
    [PATH] = {"path", "file", "filename", "image"}, [CLASS] = {"class", "label"}, [SET] = {"split"}};

typedef struct label_table {
    apd_csv csv;
    int columns[COLUMNS]; /* -1: there is none */
    bool has_header;
} label_table;

/* A cell without spaces around it, which are cut off in place. */
static char *trimmed(const apd_csv *csv, int64_t row, int column) {
    char *text = csv->cells[(row + 1) * csv->columns + column];
    size_t length = strlen(text), spaces = strspn(text, " \t");
    memmove(text, text + spaces, length - spaces + 1);
    for (length -= spaces; length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'); length--)
        text[length - 1] = '\0';
    return text;
}

static int find_heading(const apd_csv *csv, const char *const *names) {
    for (int c = 0; c < csv->columns; c++)
        for (int n = 0; names[n] != NULL; n++)
            if (strcasecmp(trimmed(csv, -1, c), names[n]) == 0)
                return c;
    return -1;
}

static apd_status find_columns(label_table *table, apd_error *error) {
    const apd_csv *csv = &table->csv;
    for (int i = 0; i < COLUMNS; i++)
        table->columns[i] = find_heading(csv, headings[i]);
    table->has_header = table->columns[PATH] >= 0 && table->columns[CLASS] >= 0;
    if (table->has_header)
        return APD_OK;
    if (csv->columns < 2 || csv->columns > 3)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: line %lld has %s and is no header; without one, each line is PATH,CLASS or "
                        "PATH,CLASS,SPLIT, and a header names the columns path, class and split",
                        csv->path, (long long)csv->lines[0], apd_count(csv->columns, "cell").text);
    for (int i = 0; i < COLUMNS; i++)
        table->columns[i] = i < csv->columns ? i : -1;
    return APD_OK;
}

bool apd_plain_path(char *path) {
    char *from = path, *to = path;
    if (*from == '/')
        return false;
    while (*from != '\0') {
        size_t length = strcspn(from, "/");
        bool here = length == 0 || (length == 1 && from[0] == '.');
        if (length == 2 && from[0] == '.' && from[1] == '.')
            return false;
        if (!here) {
            if (to != path)
                *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length + (from[length] == '/');
    }
    *to = '\0';
    return to != path;
}

static apd_status take_row(const label_table *table, int64_t row, apd_image_list *list, apd_error *error) {
    const apd_csv *csv = &table->csv;
    long long line = csv->lines[row + 1];
    char *path = csv->cells[(row + 1) * csv->columns + table->columns[PATH]];
    const char *class = trimmed(csv, row, table->columns[CLASS]);
    apd_image_set set = APD_IMAGE_OPEN;
    if (!apd_utf8_printable(path, strlen(path)) || !apd_utf8_printable(class, strlen(class)))
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: line %lld is no text in UTF-8, or has control characters; save it as UTF-8",
                        csv->path, line);
    if (class[0] == '\0')
        return apd_fail(error, APD_ERROR_DATA, "%s: line %lld has no class", csv->path, line);
    if (!apd_plain_path(path))
        return apd_fail(error, APD_ERROR_DATA, "%s: line %lld has \"%s\"; a path within %s is needed",
                        csv->path, line, path, list->folder);
    if (table->columns[SET] >= 0) {
        const char *name = trimmed(csv, row, table->columns[SET]);
        if (strcasecmp(name, "train") == 0)
            set = APD_IMAGE_TRAIN;
        else if (strcasecmp(name, "test") == 0)
            set = APD_IMAGE_TEST;
        else
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: line %lld has \"%s\" as split; train or test is needed", csv->path, line,
                            name);
    }
    apd_image_list_add(list, path, class, set, line);
    return APD_OK;
}

static apd_status check_once(const apd_image_list *list, const char *labels, apd_error *error) {
    for (int64_t i = 1; i < list->count; i++) {
        const apd_image_entry *one = &list->entries[i - 1], *other = &list->entries[i];
        if (strcmp(one->path, other->path) == 0)
            return apd_fail(error, APD_ERROR_DATA, "%s: lines %lld and %lld both have %s; list it once",
                            labels, (long long)(one->line < other->line ? one->line : other->line),
                            (long long)(one->line < other->line ? other->line : one->line), one->path);
    }
    return APD_OK;
}

apd_status apd_image_list_labels(apd_image_list *list, const char *labels, bool *chosen, apd_error *error) {
    label_table table = {0};
    apd_status status;
    APD_TRY(apd_csv_read(labels, APD_CSV_OTHERS, &table.csv, error));
    APD_GO(find_columns(&table, error));
    for (int64_t row = table.has_header ? 0 : -1; row < table.csv.rows; row++)
        APD_GO(take_row(&table, row, list, error));
    apd_image_list_sort(list);
    APD_GO(check_once(list, labels, error));
    *chosen = table.columns[SET] >= 0;
out:
    apd_csv_clear(&table.csv);
    return status;
}
