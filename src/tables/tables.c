#include "tables/tables.h"

#include "base/text.h"
#include "io/system/durable.h"
#include "tables/print.h"
#include "tables/sheets.h"
#include "tables/table_set.h"

#include <stdlib.h>

typedef struct file_row {
    const char *name;
    void (*put)(FILE *file, const apd_table_set *study);
} file_row;

static const file_row files[] = {
    {"results.csv", apd_sheet_results}, {"tasks.csv", apd_sheet_tasks},    {"summary.csv", apd_sheet_summary},
    {"paired.csv", apd_sheet_paired},   {"tables.md", apd_print_markdown}, {"tables.tex", apd_print_latex},
};

static apd_status write_file(const char *folder, const file_row *row, const apd_table_set *study,
                             apd_error *error) {
    apd_text text;
    apd_text_begin(&text, row->name);
    row->put(text.file, study);
    apd_text_end(&text);
    apd_status status = apd_write_file(folder, row->name, text.text, (int64_t)text.size, error);
    free(text.text);
    return status;
}

apd_status apd_tables_write(const char *folder, const apd_table_run *runs, int count, const char *const *keys,
                            int key_count, apd_error *error) {
    apd_table_set study = apd_table_set_read(runs, count, keys, key_count);
    apd_status status = APD_OK;
    for (size_t f = 0; f < sizeof files / sizeof *files && status == APD_OK; f++)
        status = write_file(folder, &files[f], &study, error);
    for (int r = 0; r < count && status == APD_OK; r++)
        if (study.runs[r].fault.status != APD_OK)
            status = apd_fail(error, study.runs[r].fault.status, "%s", study.runs[r].fault.message);
    apd_table_set_clear(&study);
    return status;
}
