#include "tables/side.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

const apd_measure_row apd_measure_rows[APD_MEASURES] = {
    [APD_ACC] = {"acc", "accuracy", "%", 100.0, 2, false, true},
    [APD_LA] = {"la", "when learned", "%", 100.0, 2, false, true},
    [APD_BWT] = {"bwt", "BWT", "%", 100.0, 2, false, true},
    [APD_FORGETTING] = {"forgetting", "forgetting", "%", 100.0, 2, true, true},
    [APD_WORST] = {"worst", "worst task", "%", 100.0, 2, false, true},
    [APD_CAPACITY] = {"capacity", "capacity", "%", 100.0, 1, true, false},
    [APD_CAPACITY_HEADS] = {"capacity_with_heads", "with heads", "%", 100.0, 1, true, false},
    [APD_CAPACITY_BYTES] = {"capacity_bytes", "bytes", "%", 100.0, 1, true, false},
    [APD_CAPACITY_CODED] = {"capacity_coded", "bytes, coded", "%", 100.0, 1, true, false},
    [APD_SECONDS] = {"seconds", "time", "s", 1.0, 1, true, true},
    [APD_MEMORY] = {"memory_bytes", "memory a rank", "MB", 1e-6, 1, true, false},
};
const apd_measure_row apd_aopd_row = {"aopd", "AOPD", "%", 100.0, 2, true, false};
const apd_measure_row apd_mopd_row = {"mopd", "MOPD", "%", 100.0, 2, true, false};

const apd_result_task *apd_side_record(const apd_side *side, int run, int task) {
    return &side->runs[run]->records[side->places[(int64_t)run * side->task_count + task]];
}

/* --- the same tasks ---------------------------------------------------------------------------------------------- */

/* All runs against the one that has come farthest. */
static apd_status check_lengths(const apd_side *side, apd_error *error) {
    int farthest = 0;
    for (int r = 1; r < side->run_count; r++)
        if (side->runs[r]->done > side->runs[farthest]->done)
            farthest = r;
    for (int r = 0; r < side->run_count; r++)
        if (side->runs[r]->done < side->runs[farthest]->done)
            return apd_fail(error, APD_ERROR_USAGE,
                            "%s has finished %d tasks, and %s %d; go on with the former by apd train first",
                            side->runs[r]->name, side->runs[r]->done, side->runs[farthest]->name,
                            side->runs[farthest]->done);
    return APD_OK;
}

/* The places of run `r` by rising identity; the first run says which identities there are. */
static apd_status place_run(apd_side *side, int r, apd_error *error) {
    const apd_result *run = side->runs[r];
    int tasks = side->task_count;
    for (int t = 0; t < tasks; t++) {
        int id = run->records[run->places[t]].id;
        if (r > 0 && id != side->tasks[t])
            return apd_fail(error, APD_ERROR_USAGE,
                            "%s and %s have each finished %d tasks, but not the same ones (task %d is in one "
                            "of them only); finish both by apd train first",
                            side->runs[0]->name, run->name, tasks, id < side->tasks[t] ? id : side->tasks[t]);
        side->tasks[t] = id;
        side->places[(int64_t)r * tasks + t] = run->places[t];
    }
    return APD_OK;
}

static void find_orders(apd_side *side) {
    int64_t tasks = side->task_count;
    int *sequences = apd_allocate(side->run_count * tasks, sizeof *sequences, "the orders");
    for (int r = 0; r < side->run_count; r++)
        for (int p = 0; p < tasks; p++)
            sequences[r * tasks + p] = side->runs[r]->records[p].id;
    side->order_count = apd_order_group(sequences, side->run_count, (int)tasks, side->order_of);
    free(sequences);
}

/* --- figures ----------------------------------------------------------------------------------------------------- */

/* A task without a final accuracy in one run gets none in any. */
static void leave_out_forgotten(apd_side *side) {
    for (int t = 0; t < side->task_count; t++) {
        side->left_out[t] = -1;
        for (int r = side->run_count - 1; r >= 0; r--)
            if (isnan(apd_side_record(side, r, t)->last))
                side->left_out[t] = r;
        for (int r = 0; r < side->run_count; r++) {
            int64_t cell = (int64_t)r * side->task_count + t;
            double *now = &side->runs[r]->accuracies.now[side->places[cell]];
            if (side->left_out[t] >= 0)
                *now = NAN;
            side->accuracy[cell] = *now;
        }
    }
}

static void measure(const apd_result *run, double figures[APD_MEASURES]) {
    apd_metrics metrics = apd_metrics_of(&run->accuracies);
    figures[APD_ACC] = metrics.average;
    figures[APD_LA] = metrics.learning;
    figures[APD_BWT] = run->done > 1 ? metrics.backward : (double)NAN;
    figures[APD_FORGETTING] = run->done > 1 ? apd_forgetting_of(&run->accuracies) : (double)NAN;
    figures[APD_WORST] = metrics.worst;
    figures[APD_CAPACITY] = run->capacity.weights;
    figures[APD_CAPACITY_HEADS] = run->capacity.all;
    figures[APD_CAPACITY_BYTES] = run->capacity.bytes;
    figures[APD_CAPACITY_CODED] = run->capacity.coded;
    figures[APD_SECONDS] = run->seconds;
    figures[APD_MEMORY] = run->memory;
}

apd_status apd_side_make(apd_result *const *runs, int count, apd_side *out, apd_error *error) {
    apd_side side = {.run_count = count};
    apd_status status;
    side.runs = apd_allocate(count, sizeof *side.runs, "the runs");
    for (int r = 0; r < count; r++)
        side.runs[r] = runs[r];
    int64_t tasks = side.task_count = runs[0]->done;
    side.tasks = apd_allocate(tasks, sizeof *side.tasks, "the tasks");
    side.places = apd_allocate(count * tasks, sizeof *side.places, "the tasks' places");
    side.order_of = apd_allocate(count, sizeof *side.order_of, "the runs' orders");
    side.left_out = apd_allocate(tasks, sizeof *side.left_out, "the tasks");
    side.accuracy = apd_allocate(count * tasks, sizeof *side.accuracy, "the accuracies");
    side.figures = apd_allocate(count, sizeof *side.figures, "the figures");
    status = check_lengths(&side, error);
    for (int r = 0; r < count && status == APD_OK; r++)
        status = place_run(&side, r, error);
    if (status != APD_OK) {
        apd_side_clear(&side);
        return status;
    }
    find_orders(&side);
    leave_out_forgotten(&side);
    for (int r = 0; r < count; r++)
        measure(side.runs[r], side.figures[r]);
    *out = side;
    return APD_OK;
}

void apd_side_clear(apd_side *side) {
    free(side->runs);
    free(side->tasks);
    free(side->places);
    free(side->order_of);
    free(side->left_out);
    free(side->accuracy);
    free(side->figures);
    *side = (apd_side){0};
}

/* --- a line ------------------------------------------------------------------------------------------------------ */

apd_summary apd_summarize(const double *values, int count) {
    apd_summary s = {.mean = NAN, .deviation = NAN};
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < count; i++) {
        s.count += !isnan(values[i]);
        sum += isnan(values[i]) ? 0.0 : values[i];
    }
    if (s.count > 0)
        s.mean = sum / s.count;
    for (int i = 0; i < count; i++) {
        double off = values[i] - s.mean;
        squares += isnan(off) ? 0.0 : off * off;
    }
    if (s.count > 1)
        s.deviation = sqrt(squares / (s.count - 1));
    return s;
}

/* Permuted pixels are drawn from the seed, so that a task is the same one in two orders only at equal seeds. */
static bool is_drawn(const apd_result *run) {
    return run->description->stream.kind == APD_STREAM_PERMUTATION;
}

static bool has_seed(const apd_side *side, const apd_line *line, int order, uint64_t seed) {
    for (int i = 0; i < line->count; i++)
        if (line->order_of[i] == order && side->runs[line->runs[i]]->description->seed == seed)
            return true;
    return false;
}

static bool lacks_seeds(const apd_side *side, const apd_line *line) {
    for (int i = 0; i < line->count; i++)
        for (int o = 0; o < line->order_count; o++)
            if (!has_seed(side, line, o, side->runs[line->runs[i]]->description->seed))
                return true;
    return false;
}

static const char *why_no_spread(const apd_side *side, const apd_line *line) {
    if (line->order_count < 2)
        return "one order";
    if (line->spread.tasks == 0)
        return "no task is left";
    if (is_drawn(side->runs[line->runs[0]]) && lacks_seeds(side, line))
        return "tasks are drawn from the seed, and the orders have different seeds";
    return NULL;
}

/* Number the orders of the line's runs by first appearance. */
static void number_orders(const apd_side *side, apd_line *line) {
    for (int i = 0; i < line->count; i++) {
        line->order_of[i] = -1;
        for (int q = 0; q < i && line->order_of[i] < 0; q++)
            if (side->order_of[line->runs[q]] == side->order_of[line->runs[i]])
                line->order_of[i] = line->order_of[q];
        if (line->order_of[i] < 0)
            line->order_of[i] = line->order_count++;
    }
}

apd_line apd_line_make(const apd_side *side, const int *runs, int count) {
    const int64_t tasks = side->task_count;
    apd_line line = {.count = count};
    line.runs = apd_allocate(count, sizeof *line.runs, "a line's runs");
    line.order_of = apd_allocate(count, sizeof *line.order_of, "their orders");
    double *accuracy = apd_allocate(count * tasks, sizeof *accuracy, "their accuracies");
    for (int i = 0; i < count; i++) {
        line.runs[i] = runs[i];
        for (int64_t t = 0; t < tasks; t++)
            accuracy[i * tasks + t] = side->accuracy[runs[i] * tasks + t];
    }
    number_orders(side, &line);
    line.means = apd_allocate(line.order_count * tasks, sizeof *line.means, "the orders' means");
    line.opd = apd_allocate(tasks, sizeof *line.opd, "the tasks' OPD");
    line.spread = apd_order_spread_of(accuracy, line.order_of, count, line.order_count, (int)tasks,
                                      line.means, line.opd);
    free(accuracy);
    line.missing = why_no_spread(side, &line);
    if (line.missing != NULL)
        line.spread.average = line.spread.largest = NAN;
    double *values = apd_allocate(count, sizeof *values, "a measure of the runs");
    for (apd_measure m = 0; m < APD_MEASURES; m++) {
        for (int i = 0; i < count; i++)
            values[i] = side->figures[runs[i]][m];
        line.of[m] = apd_summarize(values, count);
    }
    free(values);
    return line;
}

void apd_line_clear(apd_line *line) {
    free(line->runs);
    free(line->order_of);
    free(line->means);
    free(line->opd);
    *line = (apd_line){0};
}
