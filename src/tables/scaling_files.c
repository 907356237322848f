#include "tables/scaling_files.h"

#include "base/counted.h"
#include "base/memory.h"
#include "io/system/csv.h"
#include "io/system/durable.h"
#include "io/system/json.h"
#include "tables/cells.h"
#include "tables/tabular.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- scaling.csv ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double (*value)(const apd_scaling_series *series, int i);
} followed[] = {
    {"speed_up", apd_series_speed_up}, {"efficiency", apd_series_efficiency},
    {"doubling", apd_series_doubling}, {"computation", apd_series_computation},
    {"growth", apd_series_growth},
};
static const struct {
    const char *name;
    double (*value)(const apd_scaling_point *point);
} factors[] = {
    {"load_balance", apd_point_load_balance},
    {"communication", apd_point_communication},
    {"parallel_efficiency", apd_point_parallel},
};
enum { FOLLOWED = sizeof followed / sizeof *followed, FACTORS = sizeof factors / sizeof *factors };

/* What is scaled in the series. */
static int scaled(const apd_scaling_series *series, int i) {
    return series->kind == APD_TASKS ? series->points[i].tasks : series->points[i].ranks;
}

static void put_csv_point(FILE *file, const apd_scaling_series *series, int i) {
    const apd_scaling_point *point = &series->points[i];
    apd_spread step = apd_point_spread(point, APD_Q_STEP);
    apd_csv_text(file, series->name);
    (void)fprintf(file, ",%s,%s,%d,%d,", apd_scaling_names[series->kind],
                  series->assumptions != NULL ? "predicted" : "measured", scaled(series, 0), point->ranks);
    if (point->nodes > 0)
        (void)fprintf(file, "%d", point->nodes);
    (void)fprintf(file, ",%d,%d,%d,%d,%" PRId64, point->shards, point->batch, point->tasks, point->repeats,
                  point->steps);
    apd_csv_cell_number(file, step.least);
    apd_csv_cell_number(file, step.most);
    for (apd_quantity q = 0; q < APD_QUANTITIES; q++)
        apd_csv_cell_number(file, apd_point_spread(point, q).median);
    for (int f = 0; f < FOLLOWED; f++)
        apd_csv_cell_number(file, followed[f].value(series, i));
    for (int f = 0; f < FACTORS; f++)
        apd_csv_cell_number(file, factors[f].value(point));
    (void)fputc(',', file);
    if (point->digest != 0)
        (void)fprintf(file, "%016" PRIx64, point->digest);
    apd_csv_cell_text(file, series->assumptions);
    (void)fputc('\n', file);
}

void apd_scaling_put_csv(FILE *file, const apd_scaling *scaling) {
    (void)fputs(
        "series,kind,source,baseline,ranks,nodes,shards,batch,tasks,repeats,steps,step_min_s,step_max_s",
        file);
    for (apd_quantity q = 0; q < APD_QUANTITIES; q++)
        (void)fprintf(file, ",%s", apd_quantity_rows[q].name);
    for (int f = 0; f < FOLLOWED; f++)
        (void)fprintf(file, ",%s", followed[f].name);
    for (int f = 0; f < FACTORS; f++)
        (void)fprintf(file, ",%s", factors[f].name);
    (void)fputs(",digest,assumptions\n", file);
    for (int s = 0; s < scaling->count; s++)
        for (int i = 0; i < scaling->series[s].count; i++)
            put_csv_point(file, &scaling->series[s], i);
}

/* --- tables for people ------------------------------------------------------------------------------------------- */

/* A column: a quantity's median, or what follows. */
typedef struct column {
    const char *heading;
    double scale;
    int digits;
    double (*value)(const apd_scaling_series *series, int i);
    apd_quantity quantity; /* without `value` */
} column;

static double ranks_of(const apd_scaling_series *series, int i) {
    return series->points[i].ranks;
}
static double nodes_of(const apd_scaling_series *series, int i) {
    return series->points[i].nodes > 0 ? series->points[i].nodes : (double)NAN;
}
static double batch_of(const apd_scaling_series *series, int i) {
    return series->points[i].batch;
}
static double tasks_of(const apd_scaling_series *series, int i) {
    return series->points[i].tasks;
}
static double least_of(const apd_scaling_series *series, int i) {
    return series->points[i].repeats > 1 ? apd_point_spread(&series->points[i], APD_Q_STEP).least
                                         : (double)NAN;
}
static double most_of(const apd_scaling_series *series, int i) {
    return series->points[i].repeats > 1 ? apd_point_spread(&series->points[i], APD_Q_STEP).most
                                         : (double)NAN;
}
static double load_balance_of(const apd_scaling_series *series, int i) {
    return apd_point_load_balance(&series->points[i]);
}
static double communication_of(const apd_scaling_series *series, int i) {
    return apd_point_communication(&series->points[i]);
}

static const column of_ranks[] = {
    {"ranks", 1.0, 0, ranks_of, 0},
    {"nodes", 1.0, 0, nodes_of, 0},
    {"batch", 1.0, 0, batch_of, 0},
    {"ms/step", 1e3, 3, NULL, APD_Q_STEP},
    {"least", 1e3, 3, least_of, 0},
    {"most", 1e3, 3, most_of, 0},
    {"speed-up", 1.0, 2, apd_series_speed_up, 0},
    {"efficiency, %", 1e2, 1, apd_series_efficiency, 0},
    {"for doubling", 1.0, 2, apd_series_doubling, 0},
    {"load balance, %", 1e2, 1, load_balance_of, 0},
    {"communication, %", 1e2, 1, communication_of, 0},
    {"computation, %", 1e2, 1, apd_series_computation, 0},
    {"all tasks, s", 1.0, 2, NULL, APD_Q_LOOP},
    {"MB/rank", 1e-6, 0, NULL, APD_Q_MEMORY},
};
static const column of_tasks[] = {
    {"tasks", 1.0, 0, tasks_of, 0},
    {"ranks", 1.0, 0, ranks_of, 0},
    {"ms/step", 1e3, 3, NULL, APD_Q_STEP},
    {"least", 1e3, 3, least_of, 0},
    {"most", 1e3, 3, most_of, 0},
    {"growth", 1.0, 2, apd_series_growth, 0},
    {"s/task", 1.0, 3, NULL, APD_Q_TASK},
    {"ms/evaluation", 1e3, 2, NULL, APD_Q_EVALUATION},
    {"s/consolidation", 1.0, 3, NULL, APD_Q_CONSOLIDATION},
    {"s/commit", 1.0, 3, NULL, APD_Q_COMMIT},
    {"all tasks, s", 1.0, 1, NULL, APD_Q_LOOP},
    {"MB/rank", 1e-6, 0, NULL, APD_Q_MEMORY},
    {"MB on disk", 1e-6, 1, NULL, APD_Q_BYTES},
    {"capacity, %", 1e2, 1, NULL, APD_Q_CAPACITY},
    {"accuracy, %", 1e2, 2, NULL, APD_Q_ACCURACY},
};
enum { OF_RANKS = sizeof of_ranks / sizeof *of_ranks, OF_TASKS = sizeof of_tasks / sizeof *of_tasks };

static double value_of(const column *c, const apd_scaling_series *series, int i) {
    double value =
        c->value != NULL ? c->value(series, i) : apd_point_spread(&series->points[i], c->quantity).median;
    return c->scale * value;
}

static bool has_numbers(const column *c, const apd_scaling_series *series) {
    for (int i = 0; i < series->count; i++)
        if (!isnan(value_of(c, series, i)))
            return true;
    return false;
}

/* "medians of 5 repeats, 2000 steps", with what holds of all points; "" without. */
static void put_measured(FILE *file, const apd_scaling_series *series) {
    int least = series->points[0].repeats, most = least;
    int64_t steps = 0;
    for (int i = 0; i < series->count; i++) {
        const apd_scaling_point *point = &series->points[i];
        least = point->repeats < least ? point->repeats : least;
        most = point->repeats > most ? point->repeats : most;
        steps += point->steps;
    }
    if (least < most)
        (void)fprintf(file, "; medians of %d to %d repeats", least, most);
    else
        (void)fprintf(file, "; %s %s", most > 1 ? "medians of" : "of", apd_count(most, "repeat").text);
    if (steps > 0)
        (void)fprintf(file, ", %" PRId64 " steps in all", steps);
    (void)fputs("; start-up and commits excluded", file);
}

/* What the series is, with its baseline. */
static char *caption_of(const apd_scaling_series *series, const apd_format *as) {
    static const char *const words[] = {"Strong scaling", "Weak scaling", "Growth with the number of tasks"};
    const apd_scaling_point *first = &series->points[0];
    apd_text text;
    apd_text_begin(&text, "a caption");
    (void)fprintf(text.file, "%s%s: ", series->assumptions != NULL ? "PREDICTED, not measured. " : "",
                  words[series->kind]);
    as->text(text.file, series->name);
    if (series->kind == APD_TASKS)
        (void)fprintf(text.file, "; baseline %s", apd_count(first->tasks, "task").text);
    else
        (void)fprintf(text.file, "; baseline %s", apd_count(first->ranks, "rank").text);
    if (first->nodes > 0)
        (void)fprintf(text.file, " on %s", apd_count(first->nodes, "node").text);
    if (series->assumptions == NULL)
        put_measured(text.file, series);
    return apd_text_end(&text);
}

static void put_series(FILE *file, const apd_format *as, const apd_scaling_series *series) {
    const column *columns = series->kind == APD_TASKS ? of_tasks : of_ranks, *shown[OF_RANKS + OF_TASKS];
    int all = series->kind == APD_TASKS ? OF_TASKS : OF_RANKS, count = 0;
    int good = series->assumptions == NULL ? apd_series_last_good(series) : -1;
    for (int c = 0; c < all; c++)
        if (has_numbers(&columns[c], series))
            shown[count++] = &columns[c];
    apd_tabular cells = apd_tabular_make(as, series->count + 1, count, 0);
    for (int c = 0; c < count; c++) {
        apd_tabular_set_text(&cells, 0, c, shown[c]->heading);
        for (int i = 0; i < series->count; i++) {
            bool marked = i == good && shown[c]->value == apd_series_efficiency;
            apd_tabular_set_number(&cells, i + 1, c, value_of(shown[c], series, i), shown[c]->digits,
                                   marked ? as->best : NULL);
        }
    }
    char *caption = caption_of(series, as);
    as->put(file, &cells, caption);
    free(caption);
    apd_tabular_clear(&cells);
    if (series->assumptions != NULL)
        apd_format_say(file, as, "Predicted, not measured: %s.", series->assumptions);
}

/* Whether the results depend on the ranks, which they should not. */
static void say_results(FILE *file, const apd_format *as, const apd_scaling_series *series) {
    int counts = 0;
    for (int i = 0; i < series->count; i++)
        counts += series->points[i].digest != 0;
    if (!apd_series_agrees(series))
        apd_format_say(file, as,
                       "%s: THE RESULTS DIFFER between ranks or repeats; see digest in scaling.csv.",
                       series->name);
    else if (series->kind == APD_STRONG && counts > 1)
        apd_format_say(file, as,
                       "%s: the same results, to the bit, on every number of ranks (digest %016" PRIx64 ").",
                       series->name, series->points[0].digest);
}

static bool has_kind(const apd_scaling *scaling, bool of_ranks_) {
    for (int s = 0; s < scaling->count; s++)
        if ((scaling->series[s].kind != APD_TASKS) == of_ranks_)
            return true;
    return false;
}

static void put_all(FILE *file, const apd_format *as, const apd_scaling *scaling) {
    if (scaling->about != NULL)
        apd_format_say(file, as, "%s", scaling->about);
    for (int predicted = 0; predicted < 2; predicted++)
        for (int s = 0; s < scaling->count; s++)
            if ((scaling->series[s].assumptions != NULL) == predicted)
                put_series(file, as, &scaling->series[s]);
    for (int s = 0; s < scaling->count; s++)
        if (scaling->series[s].assumptions == NULL)
            say_results(file, as, &scaling->series[s]);
    if (has_kind(scaling, true))
        apd_format_say(
            file, as, "%s",
            "Speed-up: images a second over the baseline's. Bold: the last row from the baseline on with an "
            "efficiency of 75 % or more. For doubling: the factor that twice the ranks of the row before "
            "gain; 2 is perfect. Load balance: mean over maximum of the ranks' computing. Communication: "
            "that maximum over the step. Computation: work a core second over the baseline's. Their product "
            "is the efficiency, over the baseline's load balance and communication.");
    if (has_kind(scaling, false))
        apd_format_say(
            file, as, "%s",
            "Growth: a step over the baseline's. Times are those after so many tasks: of a run, medians over "
            "the last tenth of its tasks, at least five.");
}

void apd_scaling_put_markdown(FILE *file, const apd_scaling *scaling) {
    (void)fputs("# Scaling\n", file);
    put_all(file, &apd_markdown_format, scaling);
}

void apd_scaling_put_latex(FILE *file, const apd_scaling *scaling) {
    (void)fputs("% needs \\usepackage{booktabs,graphicx}\n", file);
    put_all(file, &apd_latex_format, scaling);
}

/* --- scaling.jsonl and tasks.jsonl ------------------------------------------------------------------------------- */

/* A point of Extra-P's. Its reader wants every metric of every call path at every coordinate. */
typedef struct mark {
    const apd_scaling_series *series;
    const apd_scaling_point *point;
} mark;

typedef struct marks {
    mark *all; /* (count), no two of one root and coordinate */
    int count;
    int most;          /* the first mark of the root that has most */
    bool ranks, tasks; /* whether they are parameters: they differ */
} marks;

static bool same_root(const mark *a, const mark *b) {
    return (a->series->kind == APD_WEAK) == (b->series->kind == APD_WEAK) &&
           strcmp(a->series->root, b->series->root) == 0;
}

static bool same_place(const mark *a, const mark *b) {
    return a->point->ranks == b->point->ranks && a->point->tasks == b->point->tasks;
}

static int count_root(const marks *m, const mark *of) {
    int count = 0;
    for (int i = 0; i < m->count; i++)
        count += same_root(&m->all[i], of);
    return count;
}

static void add_mark(marks *m, mark added) {
    for (int i = 0; i < m->count; i++)
        if (same_root(&m->all[i], &added) && same_place(&m->all[i], &added))
            return;
    m->all = apd_reallocate(m->all, m->count, (int64_t)m->count + 1, sizeof *m->all, "points for Extra-P");
    m->all[m->count++] = added;
}

/* Of the measured series over tasks, or over ranks. */
static marks find_marks(const apd_scaling *scaling, bool of_tasks_) {
    marks m = {0};
    for (int s = 0; s < scaling->count; s++) {
        const apd_scaling_series *series = &scaling->series[s];
        for (int i = 0; i < series->count; i++)
            if (series->assumptions == NULL && (series->kind == APD_TASKS) == of_tasks_)
                add_mark(&m, (mark){series, &series->points[i]});
    }
    for (int i = 1; i < m.count; i++) {
        m.ranks = m.ranks || m.all[i].point->ranks != m.all[0].point->ranks;
        m.tasks = m.tasks || m.all[i].point->tasks != m.all[0].point->tasks;
        m.most = count_root(&m, &m.all[i]) > count_root(&m, &m.all[m.most]) ? i : m.most;
    }
    return m;
}

/* Whether the root of `of` has the quantity wherever the root with most points has one. */
static bool covers(const marks *m, const mark *of, apd_quantity q) {
    for (int i = 0; i < m->count; i++) {
        bool there = !same_root(&m->all[i], &m->all[m->most]);
        for (int k = 0; k < m->count && !there; k++)
            there = same_root(&m->all[k], of) && same_place(&m->all[k], &m->all[i]) &&
                    !isnan(apd_point_spread(m->all[k].point, q).median);
        if (!there)
            return false;
    }
    return count_root(m, of) == count_root(m, &m->all[m->most]);
}

static void put_measurement(FILE *file, const marks *m, const mark *at, apd_quantity q, double value) {
    char path[256];
    apd_json json = {.file = file, .line = true};
    (void)snprintf(path, sizeof path, "%.180s%s->%s", at->series->root,
                   at->series->kind == APD_WEAK ? " weak" : "", apd_quantity_rows[q].callpath);
    apd_json_begin_object(&json, NULL);
    apd_json_begin_object(&json, "params");
    if (m->ranks)
        apd_json_integer(&json, "ranks", at->point->ranks);
    if (m->tasks)
        apd_json_integer(&json, "tasks", at->point->tasks);
    apd_json_end(&json);
    apd_json_text(&json, "callpath", path);
    apd_json_text(&json, "metric", apd_quantity_rows[q].metric);
    apd_json_number(&json, "value", value);
    apd_json_end(&json);
}

static void put_lines(FILE *file, const apd_scaling *scaling, bool of_tasks_) {
    marks m = find_marks(scaling, of_tasks_);
    for (int i = 0; i < m.count; i++)
        for (int q = 0; q < APD_QUANTITIES; q++) {
            const apd_scaling_point *point = m.all[i].point;
            if (apd_quantity_rows[q].callpath == NULL || !covers(&m, &m.all[i], (apd_quantity)q))
                continue;
            for (int r = 0; r < point->repeats; r++)
                if (!isnan(point->values[r][q]))
                    put_measurement(file, &m, &m.all[i], (apd_quantity)q, point->values[r][q]);
        }
    free(m.all);
}

void apd_scaling_put_lines(FILE *file, const apd_scaling *scaling) {
    put_lines(file, scaling, false);
}

void apd_scaling_put_tasks_lines(FILE *file, const apd_scaling *scaling) {
    put_lines(file, scaling, true);
}

/* --- files ------------------------------------------------------------------------------------------------------- */

apd_status apd_scaling_write(const char *folder, const apd_scaling *scaling, apd_error *error) {
    static const struct {
        const char *name;
        void (*put)(FILE *file, const apd_scaling *scaling);
    } files[] = {{"scaling.csv", apd_scaling_put_csv},
                 {"scaling.md", apd_scaling_put_markdown},
                 {"scaling.tex", apd_scaling_put_latex},
                 {"scaling.jsonl", apd_scaling_put_lines},
                 {"tasks.jsonl", apd_scaling_put_tasks_lines}};
    apd_status status = APD_OK;
    for (size_t f = 0; f < sizeof files / sizeof *files && status == APD_OK; f++) {
        apd_text text;
        apd_text_begin(&text, files[f].name);
        files[f].put(text.file, scaling);
        (void)apd_text_end(&text);
        if (text.size > 0)
            status = apd_write_file(folder, files[f].name, text.text, (int64_t)text.size, error);
        free(text.text);
    }
    return status;
}
