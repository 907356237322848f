#include "report/facts.h"

#include "base/counted.h"
#include "base/memory.h"
#include "io/description/description.h"
#include "io/system/file.h"
#include "tables/cells.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_SHOWN = 300, LOWEST_SHOWN = 50 };

/* --- the head -------------------------------------------------------------------------------------------------------- */

static int count_kind(const apd_report *report, apd_run_kind kind) {
    int count = 0;
    for (int r = 0; r < report->run_count; r++)
        count += report->runs[r].kind == kind;
    return count;
}

static int count_finished(const apd_report *report) {
    int count = 0;
    for (int r = 0; r < report->run_count; r++)
        count += apd_result_finished(report->runs[r].result);
    return count;
}

/* The file's name of a path. */
static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void put_data(FILE *page, const apd_description *description) {
    const int more = description->data.file_count + description->data.added_count - 1;
    apd_html_text(page, file_name(description->data.files[0]));
    if (more > 0)
        (void)fprintf(page, " and %d more", more);
}

static void head_run(const apd_report_run *run, FILE *page) {
    const apd_result *result = run->result;
    apd_html_text(page, result->method != NULL ? result->method : "?");
    (void)fprintf(page, ": %d of %s", result->done,
                  apd_count(result->tasks > 0 ? result->tasks : run->standing.tasks, "task").text);
    if (result->description != NULL) {
        (void)fputs(" of ", page);
        put_data(page, result->description);
        (void)fprintf(page, ", seed %" PRIu64, result->description->seed);
    }
    if (!isnan(result->ranks))
        (void)fprintf(page, ", on %s", apd_count((int64_t)result->ranks, "rank").text);
    int forgotten = 0;
    for (int t = 0; t < result->done; t++)
        forgotten += result->records[t].classes == 0;
    if (forgotten > 0)
        (void)fprintf(page, "; %s forgotten", apd_count(forgotten, "task").text);
    if (run->events.starts > 1)
        (void)fprintf(page, "; %s", apd_count(run->events.starts, "start").text);
    if (run->kind == APD_RUN_RUNNING)
        (void)fputs("; it is running", page);
}

static void head_runs(const apd_report *report, FILE *page) {
    const apd_report_group *group = report->group_count > 0 ? &report->groups[0] : NULL;
    int running = count_kind(report, APD_RUN_RUNNING);
    (void)fprintf(page, "%d of %s finished", count_finished(report),
                  apd_count(report->run_count, "run").text);
    if (running > 0)
        (void)fprintf(page, ", %d running", running);
    if (group == NULL || group->table < 0)
        return;
    (void)fprintf(page, ": %s, %s of ", apd_count(group->line_count, "line").text,
                  apd_count(group->tasks, "task").text);
    put_data(page, report->runs[group->lines[0].runs[0]].result->description);
    (void)fprintf(page, ", %s", apd_count(report->set.tables[group->table].side.order_count, "order").text);
}

void apd_facts_head(const apd_report *report, FILE *page) {
    (void)fputs("<p>", page);
    if (report->run_count == 0)
        (void)fputs("Steps and kernels, as apd bench has measured them", page);
    else if (report->run_count == 1)
        head_run(&report->runs[0], page);
    else
        head_runs(report, page);
    (void)fputs(".</p>\n", page);
}

/* --- a single run's figures ------------------------------------------------------------------------------------------ */

static void put_tile(FILE *page, const apd_measure_row *row, double value) {
    if (isnan(value))
        return;
    (void)fprintf(page, "<div><b>%.*f <small>%s</small></b><span>%s</span></div>\n", row->digits,
                  value * row->scale + 0.0, row->unit, row->heading);
}

void apd_facts_tiles(const apd_report *report, FILE *page) {
    static const apd_measure shown[] = {APD_ACC,      APD_LA,      APD_FORGETTING, APD_WORST,
                                        APD_CAPACITY, APD_SECONDS, APD_MEMORY};
    apd_result *result = &report->set.runs[0].result;
    apd_side side;
    if (report->run_count != 1 || result->done == 0 || apd_side_make(&result, 1, &side, NULL) != APD_OK)
        return;
    (void)fputs("<div class=\"tiles\">\n", page);
    for (size_t m = 0; m < sizeof shown / sizeof shown[0]; m++)
        put_tile(page, &apd_measure_rows[shown[m]], side.figures[0][shown[m]]);
    (void)fputs("</div>\n", page);
    apd_side_clear(&side);
}

/* --- runs ------------------------------------------------------------------------------------------------------------ */

void apd_facts_missing(const apd_report *report, FILE *page) {
    for (int r = 0; r < report->run_count; r++) {
        const apd_tabled_run *run = report->runs[r].tabled;
        if (run->fault.status == APD_OK)
            continue;
        (void)fputs("<p class=\"warn\">Left out: ", page);
        apd_html_text(page, run->result.name);
        (void)fputs(", which cannot be read (", page);
        apd_html_text(page, run->fault.message);
        (void)fputs(").</p>\n", page);
    }
    if (report->group_count == 0)
        (void)fputs("<p class=\"warn\">No run has finished a task yet, so there are no figures.</p>\n", page);
    else if (report->run_count > 1 && report->groups[0].table < 0)
        (void)fputs(
            "<p class=\"warn\">No run is finished yet: there are no tables, and each run is a line of its "
            "own.</p>\n",
            page);
    else if (report->run_count > 1 && count_finished(report) < report->run_count)
        (void)fprintf(page, "<p class=\"warn\">%d of %d runs are not finished and are in no figure.</p>\n",
                      report->run_count - count_finished(report), report->run_count);
}

static void put_cell(FILE *page, double value, double factor, int digits) {
    if (isnan(value))
        (void)fputs("<td>–</td>", page);
    else
        (void)fprintf(page, "<td>%.*f</td>", digits, factor * value);
}

static void put_run(const apd_report_run *run, FILE *page) {
    const apd_result *result = run->result;
    const bool damaged = run->tabled->fault.status != APD_OK;
    (void)fputs("<tr><th class=\"text\">", page);
    apd_html_text(page, result->name);
    (void)fputs("</th><td class=\"text\">", page);
    apd_html_text(page, damaged                        ? "damaged"
                        : apd_result_finished(result)  ? "done"
                        : run->kind == APD_RUN_WAITING ? run->tabled->state
                                                       : apd_run_kind_names[run->kind]);
    (void)fprintf(page, "</td><td>%d of %d</td>", result->done,
                  result->tasks > 0 ? result->tasks : run->standing.tasks);
    put_cell(page, result->done > 0 ? run->average[result->done - 1] : (double)NAN, 100.0, 2);
    put_cell(page, result->capacity.weights, 100.0, 1);
    put_cell(page, result->done > 0 ? result->seconds : (double)NAN, 1.0, 1);
    (void)fprintf(page, "<td>%d</td></tr>\n", run->events.starts);
}

void apd_facts_runs(const apd_report *report, FILE *page) {
    bool all = count_finished(report) == report->run_count;
    if (report->run_count == 1)
        return;
    (void)fprintf(page, "<h2>Runs</h2>\n<details%s><summary>%s</summary>\n", all ? "" : " open",
                  apd_count(report->run_count, "run").text);
    (void)fputs(
        "<div class=\"scroll\"><table><thead><tr><th class=\"text\">run</th><th class=\"text\">state</th>"
        "<th>tasks</th><th>accuracy, %</th><th>capacity, %</th><th>time, s</th><th>starts</th></tr></thead>"
        "<tbody>\n",
        page);
    for (int r = 0; r < report->run_count; r++)
        put_run(&report->runs[r], page);
    (void)fputs("</tbody></table></div></details>\n", page);
}

/* --- tasks ----------------------------------------------------------------------------------------------------------- */

static void put_task(const apd_report *report, int place, FILE *page) {
    const apd_result *result = report->runs[0].result;
    const apd_result_task *task = &result->records[place];
    const char *name = apd_report_task_name(report, task);
    (void)fprintf(page, "<tr><td>%d</td><td>%d</td><th class=\"text\">", place + 1, task->id);
    if (name != NULL)
        apd_html_text(page, name);
    else
        (void)fputs("<i>forgotten</i>", page);
    (void)fputs("</th>", page);
    put_cell(page, task->learned, 100.0, 2);
    put_cell(page, task->last, 100.0, 2);
    put_cell(page, task->classes == 0 ? (double)NAN : task->nonzeros, 1.0, 0);
    put_cell(page, task->seconds, 1.0, 1);
    (void)fputs("</tr>\n", page);
}

typedef struct ranked {
    double accuracy;
    int place;
} ranked;

static int lower_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    return (x->accuracy > y->accuracy) - (x->accuracy < y->accuracy);
}

void apd_facts_tasks(const apd_report *report, FILE *page) {
    const apd_result *result = report->runs[0].result;
    int shown = result->done, count = 0;
    if (report->run_count != 1 || result->done == 0)
        return;
    ranked *order = apd_allocate(result->done, sizeof *order, "tasks");
    for (int t = 0; t < result->done; t++)
        if (result->done <= TASKS_SHOWN || !isnan(result->records[t].last))
            order[count++] = (ranked){result->records[t].last, t};
    if (result->done > TASKS_SHOWN) {
        qsort(order, (size_t)count, sizeof *order, lower_first);
        shown = count < LOWEST_SHOWN ? count : LOWEST_SHOWN;
        (void)fprintf(page,
                      "<h2>Tasks</h2>\n<p class=\"note\">The %d of lowest accuracy; tasks.csv has all.</p>\n",
                      shown);
    } else {
        (void)fputs("<h2>Tasks</h2>\n", page);
    }
    (void)fputs(
        "<div class=\"scroll\"><table><thead><tr><th>place</th><th>task</th><th class=\"text\">name</th>"
        "<th>learned, %</th><th>now, %</th><th>tau ≠ 0</th><th>time, s</th></tr></thead><tbody>\n",
        page);
    for (int i = 0; i < shown; i++)
        put_task(report, order[i].place, page);
    (void)fputs("</tbody></table></div>\n", page);
    free(order);
}

/* --- what was run ---------------------------------------------------------------------------------------------------- */

/* Facts of manifest.json. */
static const struct {
    const char *key, *heading;
} facts[] = {
    {"program", "program"},
    {"revision", "revision of the sources"},
    {"build", "build"},
    {"compiler", "compiler"},
    {"blas", "BLAS"},
    {"blas_core", "its kernels"},
    {"mpi", "MPI"},
    {"hdf5", "HDF5"},
    {"processor", "processor"},
    {"system", "system"},
    {"hosts", "hosts"},
    {"ranks", "ranks"},
    {"shards", "shards"},
    {"evaluate", "measured on"},
    {"seed", "seed"},
    {"data_digest", "digest of the data"},
    {"config_digest", "digest of the description"},
    {"commit", "commit"},
    {"command", "command of the last start"},
    {"starts", "starts"},
    {"started", "last start"},
    {"written", "written"},
};
enum { FACTS = sizeof facts / sizeof facts[0] };

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A fact of all runs: up to three values, or the first and the last of more. */
static void put_fact(const char *heading, char **values, int count, FILE *page) {
    int distinct = 0;
    qsort(values, (size_t)count, sizeof *values, by_text);
    for (int i = 0; i < count; i++)
        if (i == 0 || strcmp(values[i], values[i - 1]) != 0) {
            char *held = values[distinct];
            values[distinct++] = values[i];
            values[i] = held;
        }
    (void)fprintf(page, "<tr><th class=\"text key\">%s</th><td class=\"text wrap\">", heading);
    for (int i = 0; i < distinct && distinct <= 3; i++) {
        (void)fputs(i > 0 ? "; " : "", page);
        apd_html_text(page, values[i]);
    }
    if (distinct > 3) {
        (void)fprintf(page, "%d values, from ", distinct);
        apd_html_text(page, values[0]);
        (void)fputs(" to ", page);
        apd_html_text(page, values[distinct - 1]);
    }
    (void)fputs("</td></tr>\n", page);
}

static void put_machine(const apd_report *report, FILE *page) {
    char **manifests = apd_allocate(report->run_count, sizeof *manifests, "manifests");
    for (int r = 0; r < report->run_count; r++)
        manifests[r] = apd_read_text(report->runs[r].tabled->folder, "manifest.json");
    (void)fputs("<div class=\"scroll\"><table><tbody>\n", page);
    for (int f = 0; f < FACTS; f++) {
        char **values = apd_allocate(report->run_count, sizeof *values, "facts"), value[512];
        int count = 0;
        for (int r = 0; r < report->run_count; r++)
            if (manifests[r] != NULL && apd_json_find(manifests[r], facts[f].key, value, sizeof value))
                values[count++] = apd_duplicate_text(value);
        if (count > 0)
            put_fact(facts[f].heading, values, count, page);
        for (int i = 0; i < count; i++)
            free(values[i]);
        free(values);
    }
    (void)fputs("</tbody></table></div>\n", page);
    for (int r = 0; r < report->run_count; r++)
        free(manifests[r]);
    free(manifests);
}

/* The keys in which the runs differ, with all their values in order. */
static void put_keys(const apd_report *report, FILE *page) {
    if (report->key_count == 0)
        return;
    (void)fputs("<div class=\"scroll\"><table><thead><tr><th class=\"text\">key that differs</th>"
                "<th class=\"text\">values</th></tr></thead><tbody>\n",
                page);
    for (int k = 0; k < report->key_count; k++) {
        (void)fputs("<tr><th class=\"text\">", page);
        apd_html_text(page, report->keys[k]);
        (void)fputs("</th><td class=\"text wrap\">", page);
        const char *separator = "";
        for (int r = 0; r < report->run_count; r++) {
            bool known = false;
            const char *value = report->values[(int64_t)r * report->key_count + k];
            for (int q = 0; q < r && !known; q++)
                known = strcmp(value, report->values[(int64_t)q * report->key_count + k]) == 0;
            if (known || value[0] == '\0')
                continue;
            (void)fputs(separator, page);
            apd_html_text(page, value);
            separator = ", ";
        }
        (void)fputs("</td></tr>\n", page);
    }
    (void)fputs("</tbody></table></div>\n", page);
}

void apd_facts_origin(const apd_report *report, FILE *page) {
    (void)fputs("<h2>What was run</h2>\n", page);
    put_keys(report, page);
    put_machine(report, page);
    for (int r = 0; r < report->run_count; r++) {
        char *text = apd_read_text(report->runs[r].tabled->folder, "run.yaml");
        if (text == NULL)
            continue;
        (void)fputs("<details><summary>The description of ", page);
        apd_html_text(page, report->runs[r].result->name);
        (void)fputs(" (run.yaml)</summary><pre>", page);
        char *line = text;
        for (char *next; line != NULL && *line != '\0'; line = next) {
            next = strchr(line, '\n');
            if (next != NULL)
                *next++ = '\0';
            apd_html_text(page, line);
            (void)fputc('\n', page);
        }
        (void)fputs("</pre></details>\n", page);
        free(text);
        break; /* the others differ from it in the keys above */
    }
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

void apd_facts_json(const apd_report *report, apd_json *json) {
    apd_json_begin_array(json, "runs");
    for (int r = 0; r < report->run_count; r++) {
        const apd_report_run *run = &report->runs[r];
        const apd_result *result = run->result;
        apd_json_begin_object(json, NULL);
        apd_json_text(json, "run", result->name);
        apd_json_text(json, "state", run->tabled->state);
        apd_json_text(json, "method", result->method != NULL ? result->method : "");
        apd_json_text(json, "order", result->order != NULL ? result->order : "");
        if (result->description != NULL)
            apd_json_integer(json, "seed", (int64_t)result->description->seed);
        apd_json_integer(json, "tasks", result->tasks);
        apd_json_integer(json, "tasks_done", result->done);
        apd_json_number(json, "acc", result->done > 0 ? run->average[result->done - 1] : (double)NAN);
        apd_json_number(json, "capacity", result->capacity.weights);
        apd_json_number(json, "seconds", result->seconds);
        apd_json_end(json);
    }
    apd_json_end(json);
}
