#include "tables/print.h"

#include "base/counted.h"
#include "base/memory.h"
#include "base/text.h"
#include "tables/paired.h"
#include "tables/tabular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRED_LINES = 10 }; /* all pairs up to so many lines; of more, each with the first */

/* --- columns of figures ------------------------------------------------------------------------------------------ */

/* A column of a table: a measure of lines. */
typedef struct column {
    const apd_measure_row *row;
    apd_measure measure; /* APD_MEASURES: AOPD or MOPD */
} column;

static double value_of(const apd_line *line, const column *c) {
    if (c->measure < APD_MEASURES)
        return line->of[c->measure].mean;
    return c->row == &apd_aopd_row ? line->spread.average : line->spread.largest;
}

/* The value as an integer of its last digit shown, larger being better. */
static double rank_of(const apd_line *line, const column *c) {
    double shown = round(value_of(line, c) * c->row->scale * pow(10.0, c->row->digits));
    return c->row->less ? -shown : shown;
}

/* The best and the second value of a column; NaN: nothing to mark. */
static void find_best(const apd_table *table, const column *c, double best[2]) {
    best[0] = best[1] = NAN;
    for (int l = 0; l < table->line_count; l++)
        best[0] = fmax(best[0], rank_of(&table->lines[l], c));
    for (int l = 0; l < table->line_count; l++) {
        double rank = rank_of(&table->lines[l], c);
        if (rank < best[0])
            best[1] = fmax(best[1], rank);
    }
    if (isnan(best[1]))
        best[0] = NAN;
}

static void put_value(FILE *file, const apd_format *as, const apd_line *line, const column *c,
                      const char *const *mark) {
    apd_format_number(file, as, value_of(line, c) * c->row->scale, c->row->digits, mark);
    if (c->measure < APD_MEASURES && c->row->spread && !isnan(line->of[c->measure].deviation))
        (void)fprintf(file, "%s%.*f", as->plus_minus, c->row->digits,
                      line->of[c->measure].deviation * c->row->scale);
}

/* A heading and a cell a line, with the best marked. */
static void fill_column(apd_tabular *cells, int place, const apd_table *table, const column *c) {
    const apd_format *as = cells->as;
    double best[2];
    apd_text text;
    apd_text_begin(&text, "a table");
    as->text(text.file, c->row->heading);
    (void)fputs(", ", text.file);
    as->text(text.file, c->row->unit);
    (void)fputs(c->row->less ? as->less : as->more, text.file);
    apd_tabular_set(cells, 0, place, &text);
    find_best(table, c, best);
    for (int l = 0; l < table->line_count; l++) {
        double rank = rank_of(&table->lines[l], c);
        const char *const *mark = rank == best[0] ? as->best : rank == best[1] ? as->second : NULL;
        apd_text_begin(&text, "a table");
        put_value(text.file, as, &table->lines[l], c, mark);
        apd_tabular_set(cells, l + 1, place, &text);
    }
}

/* --- lines' names ------------------------------------------------------------------------------------------------ */

static const apd_tabled_run *first_run(const apd_table_set *study, const apd_table *table, int line) {
    return &study->runs[table->rows[table->lines[line].runs[0]]];
}

/* method and the keys' values, a column each. */
static void fill_names(apd_tabular *cells, const apd_table_set *study, const apd_table *table) {
    apd_tabular_set_text(cells, 0, 0, "method");
    for (int k = 0; k < study->shown_count; k++)
        apd_tabular_set_text(cells, 0, k + 1, study->keys[study->shown[k]]);
    for (int l = 0; l < table->line_count; l++) {
        const apd_tabled_run *run = first_run(study, table, l);
        apd_tabular_set_text(cells, l + 1, 0, run->result.method);
        for (int k = 0; k < study->shown_count; k++)
            apd_tabular_set_text(cells, l + 1, k + 1, run->values[study->shown[k]]);
    }
}

/* "apd, 4e-4": method and the keys' values in one cell. */
static void set_name(apd_tabular *cells, int row, int place, const apd_table_set *study,
                     const apd_tabled_run *run) {
    apd_text text;
    apd_text_begin(&text, "a table");
    cells->as->text(text.file, run->result.method);
    for (int k = 0; k < study->shown_count; k++) {
        (void)fputs(", ", text.file);
        cells->as->text(text.file, run->values[study->shown[k]]);
    }
    apd_tabular_set(cells, row, place, &text);
}

/* "3", or "2-3" where orders have different numbers. */
static void set_counts(apd_tabular *cells, int row, int place, const apd_line *line) {
    char seeds[48], orders[24], runs[24];
    (void)snprintf(orders, sizeof orders, "%d", line->order_count);
    (void)snprintf(runs, sizeof runs, "%d", line->count);
    if (line->spread.least_runs == line->spread.most_runs)
        (void)snprintf(seeds, sizeof seeds, "%d", line->spread.most_runs);
    else
        (void)snprintf(seeds, sizeof seeds, "%d-%d", line->spread.least_runs, line->spread.most_runs);
    apd_tabular_set_text(cells, row, place, orders);
    apd_tabular_set_text(cells, row, place + 1, seeds);
    apd_tabular_set_text(cells, row, place + 2, runs);
}

/* --- the three tables -------------------------------------------------------------------------------------------- */

static const column accuracies[] = {
    {&apd_measure_rows[APD_ACC], APD_ACC},
    {&apd_measure_rows[APD_LA], APD_LA},
    {&apd_measure_rows[APD_BWT], APD_BWT},
    {&apd_measure_rows[APD_FORGETTING], APD_FORGETTING},
    {&apd_measure_rows[APD_WORST], APD_WORST},
    {&apd_aopd_row, APD_MEASURES},
    {&apd_mopd_row, APD_MEASURES},
};
static const column costs[] = {
    {&apd_measure_rows[APD_CAPACITY], APD_CAPACITY},
    {&apd_measure_rows[APD_CAPACITY_HEADS], APD_CAPACITY_HEADS},
    {&apd_measure_rows[APD_CAPACITY_BYTES], APD_CAPACITY_BYTES},
    {&apd_measure_rows[APD_CAPACITY_CODED], APD_CAPACITY_CODED},
    {&apd_measure_rows[APD_SECONDS], APD_SECONDS},
    {&apd_measure_rows[APD_MEMORY], APD_MEMORY},
};

static void put_lines(FILE *file, const apd_format *as, const apd_table_set *study, const apd_table *table,
                      const column *columns, int count, const char *caption) {
    int names = 1 + study->shown_count;
    apd_tabular cells = apd_tabular_make(as, table->line_count + 1, names + count + 3, names);
    fill_names(&cells, study, table);
    for (int c = 0; c < count; c++)
        fill_column(&cells, names + c, table, &columns[c]);
    apd_tabular_set_text(&cells, 0, names + count, "orders");
    apd_tabular_set_text(&cells, 0, names + count + 1, "seeds");
    apd_tabular_set_text(&cells, 0, names + count + 2, "n");
    for (int l = 0; l < table->line_count; l++)
        set_counts(&cells, l + 1, names + count, &table->lines[l]);
    as->put(file, &cells, caption);
    apd_tabular_clear(&cells);
}

/* Three significant digits, enough for 2 / 2^40. */
static void set_p(apd_tabular *cells, int row, int place, double p) {
    apd_text text;
    apd_text_begin(&text, "a table");
    if (isnan(p))
        (void)fputs(cells->as->none, text.file);
    else
        (void)fprintf(text.file, "%.3g", p);
    apd_tabular_set(cells, row, place, &text);
}

static void put_pairs(FILE *file, const apd_format *as, const apd_table_set *study, const apd_table *table,
                      const char *caption) {
    static const char *const headings[] = {"first", "second", "difference, %", "deviation, %", "first better",
                                           "p",     "n"};
    int lines = table->line_count, compared = lines <= PAIRED_LINES ? lines : 1, row = 0;
    int rows = lines <= PAIRED_LINES ? lines * (lines - 1) / 2 : lines - 1;
    apd_tabular cells = apd_tabular_make(as, rows + 1, 7, 2);
    for (int c = 0; c < 7; c++)
        apd_tabular_set_text(&cells, 0, c, headings[c]);
    for (int a = 0; a < compared; a++)
        for (int b = a + 1; b < lines; b++) {
            apd_paired paired = apd_pair_lines(&table->side, &table->lines[a], &table->lines[b]);
            set_name(&cells, ++row, 0, study, first_run(study, table, a));
            set_name(&cells, row, 1, study, first_run(study, table, b));
            apd_tabular_set_number(&cells, row, 2, 100.0 * paired.mean, 2, NULL);
            apd_tabular_set_number(&cells, row, 3, 100.0 * paired.deviation, 2, NULL);
            apd_tabular_set_number(&cells, row, 4, paired.pairs > 0 ? paired.wins : (double)NAN, 0, NULL);
            set_p(&cells, row, 5, paired.p);
            apd_tabular_set_number(&cells, row, 6, paired.pairs, 0, NULL);
        }
    as->put(file, &cells, caption);
    apd_tabular_clear(&cells);
}

/* --- what is said around them ------------------------------------------------------------------------------------ */

static void say_left_out(FILE *file, const apd_format *as, const apd_table_set *study,
                         const apd_table *table) {
    const apd_side *side = &table->side;
    for (int t = 0; t < side->task_count; t++)
        if (side->left_out[t] >= 0)
            apd_format_say(file, as,
                           "Left out of every figure: task %d, which %s has forgotten or not measured.",
                           side->tasks[t], study->runs[table->rows[side->left_out[t]]].result.name);
}

static void say_missing(FILE *file, const apd_format *as, const apd_table_set *study,
                        const apd_table *table) {
    for (int l = 0; l < table->line_count; l++)
        if (table->lines[l].missing != NULL)
            apd_format_say(file, as, "No AOPD and MOPD for line %d (%s): %s.", l + 1,
                           first_run(study, table, l)->result.method, table->lines[l].missing);
}

/* "Table 1a. ", or "" where the format counts. */
static const char *named(const apd_format *as, int number, char part, char name[32]) {
    if (!as->counts)
        (void)snprintf(name, 32, "Table %d%c. ", number + 1, part);
    return name;
}

static void put_table(FILE *file, const apd_format *as, const apd_table_set *study, int number,
                      unsigned parts) {
    const apd_table *table = &study->tables[number];
    const apd_result *first = table->side.runs[0];
    char about[160], caption[256], name[32] = "";
    const size_t room = sizeof caption;
    (void)snprintf(about, sizeof about, "%s of data %016llx, measured on %s images",
                   apd_count(table->side.task_count, "task").text, (unsigned long long)first->data_digest,
                   first->part[0] != '\0' ? first->part : "test");
    if ((parts & APD_PRINT_LINES) != 0) {
        (void)snprintf(caption, room, "%sAccuracy: %s", named(as, number, 'a', name), about);
        put_lines(file, as, study, table, accuracies, sizeof accuracies / sizeof *accuracies, caption);
        say_left_out(file, as, study, table);
        say_missing(file, as, study, table);
        (void)snprintf(caption, room, "%sCapacity, time, memory: %s", named(as, number, 'b', name), about);
        put_lines(file, as, study, table, costs, sizeof costs / sizeof *costs, caption);
    }
    if ((parts & APD_PRINT_PAIRS) != 0 && table->line_count > 1) {
        (void)snprintf(caption, room, "%sAccuracy in pairs of equal order and seed: %s",
                       named(as, number, 'c', name), about);
        put_pairs(file, as, study, table, caption);
    }
}

static void say_absent(FILE *file, const apd_format *as, const apd_table_set *study) {
    for (int r = 0; r < study->run_count; r++) {
        const apd_tabled_run *run = &study->runs[r];
        if (run->fault.status != APD_OK)
            apd_format_say(file, as, "Left out: %s, which cannot be read (%s).", run->result.name,
                           run->fault.message);
        else if (run->table < 0 && run->result.tasks > 0)
            apd_format_say(file, as, "Left out: %s, which has finished %d of %s.", run->result.name,
                           run->result.done, apd_count(run->result.tasks, "task").text);
        else if (run->table < 0)
            apd_format_say(file, as, "Left out: %s, which has finished no task.", run->result.name);
    }
}

static void say_meaning(FILE *file, const apd_format *as) {
    apd_format_say(
        file, as, "%s",
        "Means over n runs, and the deviation of the sample where there are at least two; seeds: of each "
        "order. BWT: accuracy at the end minus accuracy when learned. Forgetting: best earlier accuracy "
        "minus the last. AOPD, MOPD: mean and largest difference between orders of a task's final "
        "accuracy, seeds averaged first; both grow with the number of orders. Capacity, of one network: "
        "non-zeros of what is stored; the same with heads and biases; bytes of the checkpoint; those "
        "bytes with positions under an ideal code. Time: all tasks. p: exact sign-flip test of the "
        "differences, two-sided, not corrected for the number of pairs; at least 2/2^n.");
}

static void put_all(FILE *file, const apd_format *as, const apd_table_set *study) {
    for (int t = 0; t < study->table_count; t++)
        put_table(file, as, study, t, APD_PRINT_LINES | APD_PRINT_PAIRS);
    if (study->table_count == 0)
        apd_format_say(file, as, "%s", "No run is finished.");
    say_absent(file, as, study);
    if (study->table_count > 0)
        say_meaning(file, as);
}

void apd_print_html(FILE *file, const apd_table_set *study, int table, unsigned parts) {
    put_table(file, &apd_html_format, study, table, parts);
    if ((parts & APD_PRINT_MEANING) != 0)
        say_meaning(file, &apd_html_format);
}

void apd_print_markdown(FILE *file, const apd_table_set *study) {
    (void)fputs("# Results\n", file);
    put_all(file, &apd_markdown_format, study);
}

void apd_print_latex(FILE *file, const apd_table_set *study) {
    (void)fputs("% needs \\usepackage{booktabs,graphicx}\n", file);
    put_all(file, &apd_latex_format, study);
}
