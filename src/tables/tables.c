#include "tables/tables.h"

#include "base/log.h"
#include "base/text.h"
#include "io/system/durable.h"
#include "tables/print.h"
#include "tables/scaling_files.h"
#include "tables/scaling_runs.h"
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

/* Where runs differ in ranks or tasks: how they scale, and whether the ranks changed the results. */
static apd_status write_scaling(const char *folder, const apd_table_set *study, apd_error *error) {
    apd_scaling scaling;
    apd_status status = apd_scaling_of_runs(study, &scaling, error);
    if (status == APD_OK && scaling.count > 0)
        status = apd_scaling_write(folder, &scaling, error);
    for (int s = 0; s < scaling.count && status == APD_OK; s++) {
        const apd_scaling_series *series = &scaling.series[s];
        if (!apd_series_agrees(series))
            status =
                apd_fail(error, APD_ERROR_RUNS,
                         "%s: the results of %s differ between ranks or repeats; see digest in scaling.csv",
                         folder, series->name);
        else if (series->kind == APD_STRONG)
            apd_log("%s: the same results, to the bit, on %d to %d ranks", series->name,
                    series->points[0].ranks, series->points[series->count - 1].ranks);
    }
    apd_scaling_clear(&scaling);
    return status;
}

apd_status apd_tables_write(const char *folder, const apd_table_run *runs, int count, const char *const *keys,
                            int key_count, apd_error *error) {
    apd_table_set study = apd_table_set_read(runs, count, keys, key_count);
    apd_status status = APD_OK;
    for (size_t f = 0; f < sizeof files / sizeof *files && status == APD_OK; f++)
        status = write_file(folder, &files[f], &study, error);
    if (status == APD_OK)
        status = write_scaling(folder, &study, error);
    for (int r = 0; r < count && status == APD_OK; r++)
        if (study.runs[r].fault.status != APD_OK)
            status = apd_fail(error, study.runs[r].fault.status, "%s", study.runs[r].fault.message);
    apd_table_set_clear(&study);
    return status;
}
