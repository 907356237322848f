#include "tables/sheets.h"

#include "base/counted.h"
#include "io/system/csv.h"
#include "tables/cells.h"
#include "tables/paired.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_shown_keys(FILE *file, const apd_table_set *study) {
    for (int k = 0; k < study->shown_count; k++)
        apd_csv_cell_text(file, study->keys[study->shown[k]]);
}

static void put_shown_values(FILE *file, const apd_table_set *study, const apd_tabled_run *run) {
    for (int k = 0; k < study->shown_count; k++)
        apd_csv_cell_text(file, run->values[study->shown[k]]);
}

/* The value that the study gives a key; NULL: it does not vary it. */
static const char *value_of(const apd_table_set *study, const apd_tabled_run *run, const char *key) {
    for (int k = 0; k < study->key_count; k++)
        if (strcmp(study->keys[k], key) == 0)
            return run->values[k];
    return NULL;
}

/* run, method, order, seed: what the run itself says, or, before it starts, the study. */
static void put_run(FILE *file, const apd_table_set *study, const apd_tabled_run *run) {
    const apd_result *result = &run->result;
    bool told = result->description != NULL;
    apd_csv_text(file, result->name);
    apd_csv_cell_text(file, told ? result->method : value_of(study, run, "method.name"));
    apd_csv_cell_text(file, told ? result->order : value_of(study, run, "stream.order"));
    if (told)
        (void)fprintf(file, ",%" PRIu64, result->description->seed);
    else
        apd_csv_cell_text(file, value_of(study, run, "seed"));
}

/* --- results.csv ------------------------------------------------------------------------------------------------- */

/* The run's place in the side of its table. */
static int row_of(const apd_table_set *study, int r) {
    const apd_table *table = &study->tables[study->runs[r].table];
    int row = 0;
    while (table->rows[row] != r)
        row++;
    return row;
}

static int left_out_of(const apd_side *side) {
    int count = 0;
    for (int t = 0; t < side->task_count; t++)
        count += side->left_out[t] >= 0;
    return count;
}

static void put_figures(FILE *file, const apd_table_set *study, int r) {
    const apd_tabled_run *run = &study->runs[r];
    const double *figures = run->table >= 0 ? study->tables[run->table].side.figures[row_of(study, r)] : NULL;
    for (apd_measure m = 0; m < APD_MEASURES; m++)
        apd_csv_cell_number(file, figures != NULL ? figures[m] : (double)NAN);
}

/* Why cells are empty. */
static void put_note(FILE *file, const apd_table_set *study, const apd_tabled_run *run) {
    char note[128] = "";
    if (run->fault.status != APD_OK) {
        apd_csv_cell_text(file, run->fault.message);
        return;
    }
    if (run->result.tasks == 0)
        (void)snprintf(note, sizeof note, "no task finished: no figures");
    else if (run->table < 0)
        (void)snprintf(note, sizeof note, "%d of %s finished: no figures", run->result.done,
                       apd_count(run->result.tasks, "task").text);
    else if (left_out_of(&study->tables[run->table].side) > 0)
        (void)snprintf(note, sizeof note, "%s left out, which a run has forgotten or not measured",
                       apd_count(left_out_of(&study->tables[run->table].side), "task").text);
    else if (run->result.done < 2)
        (void)snprintf(note, sizeof note, "one task: no bwt, no forgetting");
    apd_csv_cell_text(file, note[0] != '\0' ? note : NULL);
}

void apd_sheet_results(FILE *file, const apd_table_set *study) {
    (void)fputs("run,method,order,seed", file);
    put_shown_keys(file, study);
    (void)fputs(",state,table,evaluate,tasks,tasks_done,tasks_measured", file);
    for (apd_measure m = 0; m < APD_MEASURES; m++)
        (void)fprintf(file, ",%s", apd_measure_rows[m].name);
    (void)fputs(",checkpoint_bytes,ranks,note\n", file);
    for (int r = 0; r < study->run_count; r++) {
        const apd_tabled_run *run = &study->runs[r];
        put_run(file, study, run);
        put_shown_values(file, study, run);
        apd_csv_cell_text(file, run->state);
        apd_csv_cell_number(file, run->table >= 0 ? run->table + 1 : (double)NAN);
        apd_csv_cell_text(file, run->result.part);
        apd_csv_cell_number(file, run->result.tasks > 0 ? run->result.tasks : (double)NAN);
        apd_csv_cell_number(file, run->result.done);
        apd_csv_cell_number(file, run->table >= 0
                                      ? run->result.done - left_out_of(&study->tables[run->table].side)
                                      : (double)NAN);
        put_figures(file, study, r);
        bool read = run->fault.status == APD_OK;
        apd_csv_cell_number(file, read ? run->result.checkpoint : (double)NAN);
        apd_csv_cell_number(file, read ? run->result.ranks : (double)NAN);
        put_note(file, study, run);
        (void)fputc('\n', file);
    }
}

/* --- tasks.csv --------------------------------------------------------------------------------------------------- */

void apd_sheet_tasks(FILE *file, const apd_table_set *study) {
    (void)fputs("run,method,order,seed", file);
    put_shown_keys(file, study);
    (void)fputs(
        ",state,place,task,name,classes,accuracy_learned,accuracy,tau_nonzeros,bytes,epochs,seconds\n", file);
    for (int r = 0; r < study->run_count; r++)
        for (int t = 0; t < study->runs[r].result.done; t++) {
            const apd_tabled_run *run = &study->runs[r];
            const apd_result_task *task = &run->result.records[t];
            put_run(file, study, run);
            put_shown_values(file, study, run);
            apd_csv_cell_text(file, run->state);
            (void)fprintf(file, ",%d,%d", t, task->id);
            apd_csv_cell_text(file, task->name);
            (void)fprintf(file, ",%d", task->classes);
            apd_csv_cell_number(file, task->learned);
            apd_csv_cell_number(file, task->last);
            apd_csv_cell_number(file, task->nonzeros);
            apd_csv_cell_number(file, task->bytes);
            (void)fprintf(file, ",%d", task->epochs);
            apd_csv_cell_number(file, task->seconds);
            (void)fputc('\n', file);
        }
}

/* --- summary.csv ------------------------------------------------------------------------------------------------- */

static void put_line(FILE *file, const apd_table_set *study, int t, const apd_line *line) {
    const apd_table *table = &study->tables[t];
    const apd_side *side = &table->side;
    const apd_tabled_run *first = &study->runs[table->rows[line->runs[0]]];
    const apd_order_spread *spread = &line->spread;
    (void)fprintf(file, "%d", t + 1);
    apd_csv_cell_text(file, first->result.method);
    put_shown_values(file, study, first);
    (void)fprintf(file, ",%d,%d,%d,%d,%d,%d", side->task_count, side->task_count - left_out_of(side),
                  line->count, line->order_count, spread->least_runs, spread->most_runs);
    for (apd_measure m = 0; m < APD_MEASURES; m++) {
        apd_csv_cell_number(file, line->of[m].mean);
        apd_csv_cell_number(file, line->of[m].deviation);
    }
    apd_csv_cell_number(file, spread->average);
    apd_csv_cell_number(file, spread->largest);
    apd_csv_cell_number(file, line->missing == NULL ? side->tasks[spread->task] : (double)NAN);
    apd_csv_cell_text(file, line->missing);
    (void)fputc('\n', file);
}

void apd_sheet_summary(FILE *file, const apd_table_set *study) {
    (void)fputs("table,method", file);
    put_shown_keys(file, study);
    (void)fputs(",tasks,tasks_measured,runs,orders,least_seeds,most_seeds", file);
    for (apd_measure m = 0; m < APD_MEASURES; m++)
        (void)fprintf(file, ",%s,%s_sd", apd_measure_rows[m].name, apd_measure_rows[m].name);
    (void)fputs(",aopd,mopd,mopd_task,no_aopd_because\n", file);
    for (int t = 0; t < study->table_count; t++)
        for (int l = 0; l < study->tables[t].line_count; l++)
            put_line(file, study, t, &study->tables[t].lines[l]);
}

/* --- paired.csv -------------------------------------------------------------------------------------------------- */

static void put_heading(FILE *file, const apd_table_set *study, const char *which) {
    (void)fprintf(file, ",%s_method", which);
    for (int k = 0; k < study->shown_count; k++)
        (void)fprintf(file, ",\"%s_%s\"", which, study->keys[study->shown[k]]);
}

static void put_pair(FILE *file, const apd_table_set *study, int t, int a, int b) {
    const apd_table *table = &study->tables[t];
    const apd_line *lines[2] = {&table->lines[a], &table->lines[b]};
    apd_paired paired = apd_pair_lines(&table->side, lines[0], lines[1]);
    (void)fprintf(file, "%d", t + 1);
    for (int l = 0; l < 2; l++) {
        const apd_tabled_run *run = &study->runs[table->rows[lines[l]->runs[0]]];
        apd_csv_cell_text(file, run->result.method);
        put_shown_values(file, study, run);
    }
    (void)fprintf(file, ",%d", paired.pairs);
    apd_csv_cell_number(file, paired.mean);
    apd_csv_cell_number(file, paired.deviation);
    (void)fprintf(file, ",%d", paired.wins);
    apd_csv_cell_number(file, paired.p);
    (void)fputc('\n', file);
}

void apd_sheet_paired(FILE *file, const apd_table_set *study) {
    (void)fputs("table", file);
    put_heading(file, study, "first");
    put_heading(file, study, "second");
    (void)fputs(",pairs,acc_difference,acc_difference_sd,first_wins,p\n", file);
    for (int t = 0; t < study->table_count; t++)
        for (int a = 0; a < study->tables[t].line_count; a++)
            for (int b = a + 1; b < study->tables[t].line_count; b++)
                put_pair(file, study, t, a, b);
}
