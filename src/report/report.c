#include "report/report.h"

#include "base/memory.h"
#include "base/text.h"
#include "io/system/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- which runs ---------------------------------------------------------------------------------------------- */

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void add_folder(apd_report *report, char *folder) {
    int64_t count = report->run_count;
    report->folders = apd_reallocate(report->folders, count, count + 1, sizeof(char *), "runs");
    report->folders[report->run_count++] = folder;
}

/* A table of the folder's, if none was read before. *found: it is there. */
static apd_status take_sheet(const char *folder, const char *name, apd_csv *csv, bool *found,
                             apd_error *error) {
    char *path = apd_join_path(folder, name);
    bool there = false;
    apd_status status = apd_file_exists(path, &there, error);
    if (status == APD_OK && there && csv->columns == 0)
        status = apd_csv_read(path, APD_CSV_OURS, csv, error);
    *found = *found || there;
    free(path);
    return status;
}

/* A study's runs, or the run itself; and what scales. */
static apd_status add_argument(apd_report *report, const char *name, apd_error *error) {
    char *folder = apd_duplicate_text(name), **runs = NULL;
    int count = 0;
    bool described = false, scales = false;
    struct stat facts;
    for (size_t end = strlen(folder); end > 1 && folder[end - 1] == '/';)
        folder[--end] = '\0';
    char *path = apd_join_path(folder, "run.yaml");
    apd_status status = apd_file_exists(path, &described, error);
    if (status == APD_OK && stat(folder, &facts) != 0)
        status = apd_fail(error, APD_ERROR_IO, "%s: no such folder; a run's or a study's is needed", name);
    if (status == APD_OK)
        status = take_sheet(folder, "scaling.csv", &report->scaling, &scales, error);
    if (status == APD_OK)
        status = take_sheet(folder, "roofline.csv", &report->roofline, &scales, error);
    if (status == APD_OK && apd_study_list(folder, &runs, &count)) {
        report->is_study = true;
        for (int r = 0; r < count; r++)
            add_folder(report, runs[r]);
    } else if (status == APD_OK && described) {
        add_folder(report, apd_duplicate_text(folder));
    } else if (status == APD_OK && !scales) {
        status = apd_fail(
            error, APD_ERROR_USAGE,
            "%s has neither run.yaml nor study.json nor scaling.csv; the folder of a run, of a study or of "
            "apd bench --tables is needed",
            name);
    }
    if (report->folder == NULL) {
        char *whole = realpath(folder, NULL); /* of "." as well */
        report->title = apd_duplicate_text(last_component(whole != NULL ? whole : folder));
        free(whole);
        report->folder = apd_duplicate_text(folder);
    }
    free(runs);
    free(path);
    free(folder);
    return status;
}

/* A description; NULL: not there, or not to be read, which the tables say. */
static apd_description *describe(const char *folder) {
    char *path = apd_join_path(folder, "run.yaml");
    apd_description *read = NULL;
    if (apd_description_read(path, NULL, 0, &read, NULL) != APD_OK)
        read = NULL;
    free(path);
    return read;
}

/* The keys in which the runs differ, and their values. */
static void find_keys(apd_report *report) {
    int count = report->run_count, first = 0;
    apd_description **read = apd_allocate(count, sizeof *read, "descriptions");
    for (int r = 0; r < count; r++)
        read[r] = describe(report->folders[r]);
    while (first + 1 < count && read[first] == NULL)
        first++;
    for (int r = first + 1; r < count; r++)
        if (read[r] != NULL)
            report->key_count = apd_table_keys(read[first], read[r], report->keys);
    report->values = apd_allocate((int64_t)count * report->key_count, sizeof(char *), "values");
    report->given = apd_allocate(count, sizeof *report->given, "runs");
    for (int r = 0; r < count; r++) {
        char **values = report->values + (int64_t)r * report->key_count;
        for (int k = 0; k < report->key_count; k++)
            values[k] = apd_result_value(read[r], report->keys[k]);
        report->given[r] = (apd_table_run){report->folders[r], (const char *const *)values};
        apd_description_destroy(read[r]);
    }
    free(read);
}

/* --- runs ---------------------------------------------------------------------------------------------------- */

/* The mean of `row` (T) over tasks that have an accuracy both there and at the end. */
static double mean_of(const apd_accuracies *accuracies, const double *row, int tasks) {
    double sum = 0.0;
    int count = 0;
    for (int j = 0; j < tasks; j++)
        if (!isnan(row[j]) && !isnan(accuracies->now[j])) {
            sum += row[j];
            count++;
        }
    return count > 0 ? sum / count : (double)NAN;
}

static apd_status read_run(apd_report *report, int r, apd_error *error) {
    apd_report_run *run = &report->runs[r];
    run->tabled = &report->set.runs[r];
    run->result = &run->tabled->result;
    run->kind = apd_run_look(run->tabled->folder, &run->standing);
    const int done = run->result->done;
    const apd_accuracies *accuracies = &run->result->accuracies;
    run->average = apd_allocate(done, sizeof *run->average, "average accuracies");
    double *row = apd_allocate(done, sizeof *row, "accuracies");
    for (int t = 0; t < done; t++) {
        apd_accuracies_next_row(accuracies, t, row);
        run->average[t] = mean_of(accuracies, row, t + 1);
    }
    free(row);
    return apd_events_read(run->tabled->folder, done, &run->events, error);
}

static void find_hidden(apd_report *report) {
    for (int r = 0; r < report->run_count; r++) {
        const apd_result *result = report->runs[r].result;
        for (int t = 0; t < result->done; t++)
            if (result->records[t].classes == 0) {
                int64_t count = report->hidden_count;
                report->hidden =
                    apd_reallocate(report->hidden, count, count + 1, sizeof *report->hidden, "tasks");
                report->hidden[report->hidden_count++] = result->records[t].id;
            }
    }
}

const char *apd_report_task_name(const apd_report *report, const apd_result_task *task) {
    for (int h = 0; h < report->hidden_count; h++)
        if (report->hidden[h] == task->id)
            return NULL;
    return task->name;
}

/* --- lines --------------------------------------------------------------------------------------------------- */

/* Whether runs of run r's method differ in the key. */
static bool tells_apart(const apd_table_set *set, int r, int key) {
    for (int i = 0; i < set->run_count; i++)
        if (strcmp(set->runs[i].result.method, set->runs[r].result.method) == 0 &&
            strcmp(set->runs[i].values[key], set->runs[r].values[key]) != 0)
            return true;
    return false;
}

/* "apd, lambda1 0.004": the method, and the last parts of the keys in which its runs differ, with their values. */
static char *name_line(const apd_report *report, int r) {
    const apd_table_set *set = &report->set;
    apd_text text;
    apd_text_begin(&text, "a line's name");
    (void)fputs(set->runs[r].result.method, text.file);
    for (int k = 0; k < set->shown_count; k++) {
        const char *key = set->keys[set->shown[k]], *dot = strrchr(key, '.');
        if (tells_apart(set, r, set->shown[k]))
            (void)fprintf(text.file, ", %s %s", dot != NULL ? dot + 1 : key,
                          set->runs[r].values[set->shown[k]]);
    }
    return apd_text_end(&text);
}

/* The run whose average accuracy has half of the others below it. */
static int find_typical(const apd_report *report, const apd_report_line *line) {
    for (int i = 0; i < line->count; i++) {
        const apd_report_run *run = &report->runs[line->runs[i]];
        double own = run->average[run->result->done - 1];
        int below = 0;
        for (int k = 0; k < line->count; k++) {
            const apd_report_run *other = &report->runs[line->runs[k]];
            double average = other->average[other->result->done - 1];
            below += average < own || (average == own && k < i);
        }
        if (below == (line->count - 1) / 2)
            return line->runs[i];
    }
    return line->runs[0];
}

static void add_line(apd_report *report, apd_report_group *group, const int *runs, int count,
                     const apd_line *table) {
    apd_report_line *line = &group->lines[group->line_count];
    *line = (apd_report_line){.count = count, .table = table, .method = report->runs[runs[0]].result->method};
    line->name = table != NULL || report->run_count == 1
                     ? name_line(report, runs[0])
                     : apd_duplicate_text(report->runs[runs[0]].result->name);
    line->runs = apd_allocate(count, sizeof *line->runs, "a line's runs");
    memcpy(line->runs, runs, (size_t)count * sizeof *runs);
    line->typical = find_typical(report, line);
    for (int l = 0; l < group->line_count; l++)
        line->variant += strcmp(group->lines[l].method, line->method) == 0;
    for (int i = 0; i < count; i++)
        if (report->runs[runs[i]].result->done > group->tasks)
            group->tasks = report->runs[runs[i]].result->done;
    group->line_count++;
}

static void take_table(apd_report *report, int number) {
    const apd_table *table = &report->set.tables[number];
    apd_report_group *group = &report->groups[report->group_count++];
    int *runs = apd_allocate(table->side.run_count, sizeof *runs, "a line's runs");
    group->table = number;
    group->lines = apd_allocate(table->line_count, sizeof *group->lines, "lines");
    for (int l = 0; l < table->line_count; l++) {
        const apd_line *line = &table->lines[l];
        for (int i = 0; i < line->count; i++)
            runs[i] = table->rows[line->runs[i]];
        add_line(report, group, runs, line->count, line);
    }
    free(runs);
}

/* Without a finished run: those that have finished a task, a line each. */
static void take_unfinished(apd_report *report) {
    apd_report_group *group = &report->groups[report->group_count];
    group->table = -1;
    group->lines = apd_allocate(report->run_count, sizeof *group->lines, "lines");
    for (int r = 0; r < report->run_count; r++)
        if (report->runs[r].result->done > 0)
            add_line(report, group, &r, 1, NULL);
    if (group->line_count > 0)
        report->group_count++;
    else
        free(group->lines);
}

/* One scale for all matrices of a group: from the least to the largest accuracy, and ten points at least. */
static void find_range(const apd_report *report, apd_report_group *group) {
    group->low = 1.0;
    group->high = 0.0;
    for (int l = 0; l < group->line_count; l++) {
        const apd_result *result = report->runs[group->lines[l].typical].result;
        double *row = apd_allocate(result->done, sizeof *row, "accuracies");
        for (int t = 0; t < result->done; t++) {
            apd_accuracies_next_row(&result->accuracies, t, row);
            for (int j = 0; j <= t; j++) {
                group->low = fmin(group->low, row[j]);
                group->high = fmax(group->high, row[j]);
            }
        }
        free(row);
    }
    double lack = 0.1 - (group->high - group->low);
    if (lack > 0.0) {
        group->high = fmin(group->high + lack / 2.0, 1.0);
        group->low = fmax(group->high - 0.1, 0.0);
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

static apd_status check_single(const apd_report *report, apd_error *error) {
    const apd_tabled_run *run = &report->set.runs[0];
    if (report->run_count == 1 && run->fault.status != APD_OK)
        return apd_fail(error, run->fault.status, "%s", run->fault.message);
    return APD_OK;
}

apd_status apd_report_read(const char *const *names, int count, apd_report *out, apd_error *error) {
    apd_report report = {0};
    apd_status status = APD_OK;
    for (int i = 0; i < count; i++)
        APD_GO(add_argument(&report, names[i], error));
    if (count > 1) {
        char *first = report.title;
        if (asprintf(&report.title, "%s and %d more", first, count - 1) < 0)
            apd_fatal(APD_ERROR_INTERNAL, "out of memory for a title");
        free(first);
    }
    find_keys(&report);
    report.set = apd_table_set_read(report.given, report.run_count, report.keys, report.key_count);
    APD_GO(check_single(&report, error));
    report.runs = apd_allocate(report.run_count, sizeof *report.runs, "runs");
    for (int r = 0; r < report.run_count; r++)
        APD_GO(read_run(&report, r, error));
    find_hidden(&report);
    report.groups = apd_allocate(report.set.table_count + 1, sizeof *report.groups, "groups");
    for (int t = 0; t < report.set.table_count; t++)
        take_table(&report, t);
    if (report.group_count == 0)
        take_unfinished(&report);
    for (int g = 0; g < report.group_count; g++)
        find_range(&report, &report.groups[g]);
    *out = report;
    out->set.keys = out->keys;
    return APD_OK;
out:
    apd_report_clear(&report);
    return status;
}

static void clear_group(apd_report_group *group) {
    for (int l = 0; l < group->line_count; l++) {
        free(group->lines[l].name);
        free(group->lines[l].runs);
    }
    free(group->lines);
}

void apd_report_clear(apd_report *report) {
    for (int g = 0; g < report->group_count; g++)
        clear_group(&report->groups[g]);
    for (int r = 0; report->runs != NULL && r < report->run_count; r++) {
        apd_events_clear(&report->runs[r].events);
        free(report->runs[r].average);
    }
    apd_table_set_clear(&report->set);
    if (report->scaling.columns > 0)
        apd_csv_clear(&report->scaling);
    if (report->roofline.columns > 0)
        apd_csv_clear(&report->roofline);
    for (int i = 0; report->values != NULL && i < report->run_count * report->key_count; i++)
        free(report->values[i]);
    for (int r = 0; r < report->run_count; r++)
        free(report->folders[r]);
    free(report->folders);
    free(report->values);
    free(report->given);
    free(report->groups);
    free(report->runs);
    free(report->hidden);
    free(report->folder);
    free(report->title);
    *report = (apd_report){0};
}

static bool has_kind(const apd_report *report, apd_run_kind kind) {
    for (int r = 0; r < report->run_count; r++)
        if (report->runs[r].kind == kind)
            return true;
    return false;
}

bool apd_report_is_running(const apd_report *report) {
    return has_kind(report, APD_RUN_RUNNING);
}

bool apd_report_is_over(const apd_report *report) {
    return !apd_report_is_running(report) && !(report->is_study && has_kind(report, APD_RUN_WAITING));
}
