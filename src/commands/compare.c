/* apd compare: orders and seeds of one stream side by side, and how much each task depends on the order. */
#include "base/counted.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "commands/compare_runs.h"
#include "io/system/csv.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "method/order.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct compare_options {
    const char *csv;
    const char *tables;
    bool json;
} compare_options;

static const compare_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "csv",
     .argument = "FILE",
     .help = "write the same numbers as CSV, one a row",
     APD_CLI_HOLDS(compare_options, csv)},
    {.name = "tables",
     .argument = "FOLDER",
     .help = "write a study's tables of the runs into FOLDER instead; they may differ in any key",
     APD_CLI_HOLDS(compare_options, tables)},
    {.name = "json", .help = "print a JSON object instead", APD_CLI_SETS(compare_options, json)},
    {0},
};

/* The columns of the printed table, and measures in the CSV file. */
static const struct {
    apd_measure measure;
    const char *name, *heading;
} figures[] = {
    {APD_ACC, "average_accuracy", "average"},
    {APD_LA, "learning_accuracy", "learned"},
    {APD_BWT, "backward_transfer", "BWT"},
    {APD_CAPACITY, "capacity_weights", "capacity"},
    {APD_CAPACITY_HEADS, "capacity_with_heads", "+heads"},
    {APD_CAPACITY_BYTES, "capacity_bytes", "bytes"},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

/* The name of an order: the letter in the description of one of its runs, or its number. */
typedef struct label {
    char text[16];
} label;

static label label_of(const apd_comparison *c, int order) {
    label made;
    (void)snprintf(made.text, sizeof made.text, "%d", order + 1);
    for (int r = 0; r < c->run_count; r++)
        if (c->side.order_of[r] == order && c->runs[r].description->stream.order_kind == APD_ORDER_LETTER)
            (void)snprintf(made.text, sizeof made.text, "%c", c->runs[r].description->stream.order_letter);
    return made;
}

/* --- printed ------------------------------------------------------------------------------------ */

/* Print a share in per cent, right-aligned after a space; "-" for NaN. */
static void percent(int width, double share) {
    if (isnan(share))
        (void)printf(" %*s", width, "-");
    else
        (void)printf(" %*.2f", width, 100.0 * share);
}

/* The first run in an order. */
static const apd_result *first_of(const apd_comparison *c, int order) {
    int r = 0;
    while (c->side.order_of[r] != order)
        r++;
    return &c->runs[r];
}

static void print_order(const apd_comparison *c, int order) {
    enum { SHOWN = 24 };
    const apd_result *first = first_of(c, order);
    (void)printf("order %-4s", label_of(c, order).text);
    for (int p = 0; p < c->side.task_count && p < SHOWN; p++)
        (void)printf(" %d", first->records[p].id);
    (void)puts(c->side.task_count > SHOWN ? " ..." : "");
}

static void print_tasks(const apd_comparison *c) {
    (void)printf("\nfinal accuracy %%, mean over seeds\n task  %-30s", "name");
    for (int o = 0; o < c->line.order_count; o++)
        (void)printf(" %8s", label_of(c, o).text);
    (void)printf(" %8s\n", "OPD");
    for (int t = 0; t < c->side.task_count; t++) {
        (void)printf("%5d  %-30s", c->side.tasks[t],
                     apd_utf8_shown(apd_side_record(&c->side, 0, t)->name).text);
        for (int o = 0; o < c->line.order_count; o++)
            percent(8, c->line.means[(int64_t)o * c->side.task_count + t]);
        percent(8, c->line.opd[t]);
        (void)putchar('\n');
    }
}

static void print_runs(const apd_comparison *c) {
    (void)printf("\n%-30s %5s %12s", "run (all figures in %)", "order", "seed");
    for (int f = 0; f < FIGURES; f++)
        (void)printf(" %9s", figures[f].heading);
    (void)putchar('\n');
    for (int r = 0; r < c->run_count; r++) {
        const apd_result *run = &c->runs[r];
        (void)printf("%-30s %5s %12" PRIu64, run->name, label_of(c, c->side.order_of[r]).text,
                     run->description->seed);
        for (int f = 0; f < FIGURES; f++)
            percent(9, c->side.figures[r][figures[f].measure]);
        (void)putchar('\n');
    }
}

static void print_left_out(const apd_comparison *c) {
    for (int t = 0; t < c->side.task_count; t++)
        if (c->side.left_out[t] >= 0)
            (void)printf("left out of every figure: task %d (%s), which %s has forgotten or not measured\n",
                         c->side.tasks[t], apd_utf8_shown(apd_side_record(&c->side, 0, t)->name).text,
                         c->runs[c->side.left_out[t]].name);
}

static void print_spread(const apd_comparison *c) {
    const apd_order_spread *spread = &c->line.spread;
    char seeds[64];
    if (spread->least_runs == spread->most_runs)
        (void)snprintf(seeds, sizeof seeds, "%s each", apd_count(spread->most_runs, "seed").text);
    else
        (void)snprintf(seeds, sizeof seeds, "%d to %d seeds each", spread->least_runs, spread->most_runs);
    if (c->line.order_count < 2)
        (void)printf("\nAOPD and MOPD need runs in at least two orders; these have one order, %s\n", seeds);
    else if (spread->tasks == 0)
        (void)printf("\nno task is left for AOPD and MOPD; %s, %s\n",
                     apd_count(c->line.order_count, "order").text, seeds);
    else
        (void)printf("\nAOPD %.2f %%   MOPD %.2f %% (task %d)   over %s, %s, %s\n", 100.0 * spread->average,
                     100.0 * spread->largest, c->side.tasks[spread->task],
                     apd_count(spread->tasks, "task").text, apd_count(c->line.order_count, "order").text,
                     seeds);
}

/* --- CSV: one number a row ----------------------------------------------------------------- */

/* scope,order,run,seed,task,name,measure,value; cells that do not apply are empty (order, run, task: below 0). */
static void row(FILE *file, const apd_comparison *c, const char *scope, int order, int run, int task,
                const char *measure, double value) {
    (void)fprintf(file, "%s,", scope);
    if (order >= 0)
        (void)fputs(label_of(c, order).text, file);
    (void)fputc(',', file);
    if (run >= 0)
        apd_csv_text(file, c->runs[run].name);
    (void)fputc(',', file);
    if (run >= 0)
        (void)fprintf(file, "%" PRIu64, c->runs[run].description->seed);
    (void)fputc(',', file);
    if (task >= 0) {
        (void)fprintf(file, "%d,", c->side.tasks[task]);
        apd_csv_text(file, apd_side_record(&c->side, 0, task)->name);
    } else {
        (void)fputc(',', file);
    }
    (void)fprintf(file, ",%s,", measure);
    if (!isnan(value))
        (void)fprintf(file, "%.9g", value);
    (void)fputc('\n', file);
}

static void write_rows(FILE *file, const apd_comparison *c) {
    int tasks = c->side.task_count;
    const apd_order_spread *spread = &c->line.spread;
    (void)fputs("scope,order,run,seed,task,name,measure,value\n", file);
    for (int r = 0; r < c->run_count; r++)
        for (int t = 0; t < tasks; t++)
            row(file, c, "run_task", c->side.order_of[r], r, t, "accuracy",
                c->side.accuracy[(int64_t)r * tasks + t]);
    for (int o = 0; o < c->line.order_count; o++)
        for (int t = 0; t < tasks; t++)
            row(file, c, "order_task", o, -1, t, "accuracy", c->line.means[(int64_t)o * tasks + t]);
    for (int t = 0; t < tasks; t++)
        row(file, c, "task", -1, -1, t, "opd", c->line.opd[t]);
    for (int r = 0; r < c->run_count; r++)
        for (int f = 0; f < FIGURES; f++)
            row(file, c, "run", c->side.order_of[r], r, -1, figures[f].name,
                c->side.figures[r][figures[f].measure]);
    row(file, c, "all", -1, -1, -1, "aopd", spread->average);
    row(file, c, "all", -1, -1, -1, "mopd", spread->largest);
    row(file, c, "all", -1, -1, -1, "tasks", spread->tasks);
    row(file, c, "all", -1, -1, -1, "orders", c->line.order_count);
    row(file, c, "all", -1, -1, -1, "least_seeds", spread->least_runs);
    row(file, c, "all", -1, -1, -1, "most_seeds", spread->most_runs);
}

static apd_status write_csv(const apd_comparison *c, const char *path, apd_error *error) {
    const char *slash = strrchr(path, '/');
    char *folder = apd_parent_folder(path);
    apd_text text;
    apd_text_begin(&text, "a table");
    write_rows(text.file, c);
    (void)apd_text_end(&text);
    apd_status status =
        apd_write_file(folder, slash == NULL ? path : slash + 1, text.text, (int64_t)text.size, error);
    free(folder);
    free(text.text);
    return status;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void put_orders(apd_json *json, const apd_comparison *c) {
    apd_json_begin_array(json, "orders");
    for (int o = 0; o < c->line.order_count; o++) {
        const apd_result *first = first_of(c, o);
        apd_json_begin_object(json, NULL);
        apd_json_text(json, "order", label_of(c, o).text);
        apd_json_begin_array(json, "tasks");
        for (int p = 0; p < c->side.task_count; p++)
            apd_json_integer(json, NULL, first->records[p].id);
        apd_json_end(json);
        apd_json_end(json);
    }
    apd_json_end(json);
}

static void put_tasks(apd_json *json, const apd_comparison *c) {
    apd_json_begin_array(json, "tasks");
    for (int t = 0; t < c->side.task_count; t++) {
        apd_json_begin_object(json, NULL);
        apd_json_integer(json, "task", c->side.tasks[t]);
        apd_json_text(json, "name", apd_side_record(&c->side, 0, t)->name);
        if (c->side.left_out[t] >= 0)
            apd_json_text(json, "left_out_by", c->runs[c->side.left_out[t]].name);
        apd_json_begin_object(json, "accuracy");
        for (int o = 0; o < c->line.order_count; o++)
            apd_json_number(json, label_of(c, o).text, c->line.means[(int64_t)o * c->side.task_count + t]);
        apd_json_end(json);
        apd_json_number(json, "opd", c->line.opd[t]);
        apd_json_end(json);
    }
    apd_json_end(json);
}

static void put_runs(apd_json *json, const apd_comparison *c) {
    apd_json_begin_array(json, "runs");
    for (int r = 0; r < c->run_count; r++) {
        apd_json_begin_object(json, NULL);
        apd_json_text(json, "run", c->runs[r].name);
        apd_json_text(json, "order", label_of(c, c->side.order_of[r]).text);
        apd_json_unsigned(json, "seed", c->runs[r].description->seed);
        for (int f = 0; f < FIGURES; f++)
            apd_json_number(json, figures[f].name, c->side.figures[r][figures[f].measure]);
        apd_json_end(json);
    }
    apd_json_end(json);
}

static void print_json(const apd_comparison *c) {
    const apd_order_spread *spread = &c->line.spread;
    apd_json json = {.file = stdout};
    apd_json_begin_object(&json, NULL);
    put_orders(&json, c);
    put_tasks(&json, c);
    put_runs(&json, c);
    const bool spreads = c->line.order_count > 1;
    apd_json_number(&json, "aopd", spreads ? spread->average : (double)NAN);
    apd_json_number(&json, "mopd", spreads ? spread->largest : (double)NAN);
    apd_json_integer(&json, "tasks_compared", spread->tasks);
    apd_json_integer(&json, "least_seeds", spread->least_runs);
    apd_json_integer(&json, "most_seeds", spread->most_runs);
    apd_json_end(&json);
}

static void print_text(const apd_comparison *c) {
    for (int o = 0; o < c->line.order_count; o++)
        print_order(c, o);
    print_tasks(c);
    print_runs(c);
    print_spread(c);
    print_left_out(c);
}

static apd_status run(const void *given, int count, const char *const *arguments, apd_error *error) {
    const compare_options *options = given;
    apd_comparison comparison;
    if (options->tables != NULL) {
        APD_TRY(apd_make_folder(options->tables, error));
        return apd_compare_tables(options->tables, arguments, count, error);
    }
    APD_TRY(apd_comparison_make(arguments, count, &comparison, error));
    (options->json ? print_json : print_text)(&comparison);
    apd_status status = options->csv != NULL ? write_csv(&comparison, options->csv, error) : APD_OK;
    apd_comparison_clear(&comparison);
    return status;
}

const apd_command apd_command_compare = {
    .name = "compare",
    .arguments = "RUN RUN ...",
    .summary = "orders and seeds of one stream side by side: OPD, AOPD, MOPD",
    .details =
        "RUN is a run's folder or a checkpoint; the data file is not needed. The runs may differ only in "
        "seed\n"
        "and stream.order, and in keys on which no result depends; runs with the same order of tasks are\n"
        "averaged over their seeds. Tasks are matched by their number in the description, and one that a "
        "run\n"
        "has forgotten is left out of all figures. An order is named by its letter, or by a number.\n"
        "\n"
        "OPD of a task: its largest minus its smallest final accuracy over the orders; AOPD and MOPD: the\n"
        "mean and the largest of these. BWT: accuracy now minus accuracy when learned. Capacity: non-zeros "
        "of\n"
        "sigma, tau and masks, divided by one network's weights; +heads: with heads and biases; bytes: the\n"
        "checkpoint's size divided by that of one dense network.\n"
        "\n"
        "--csv has the columns scope, order, run, seed, task, name, measure and value; accuracies and\n"
        "capacities are shares. --tables writes results.csv, tasks.csv, summary.csv, paired.csv, tables.md\n"
        "and tables.tex, and prints nothing: docs/tables.md.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1024,
    .run = run,
};
