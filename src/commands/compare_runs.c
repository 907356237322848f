#include "commands/compare_runs.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const may_differ[] = {"seed", "stream.order", "log.evaluate_batch", NULL};
#define MAY_DIFFER "compared runs may differ in seed and stream.order only"

const apd_task_record *apd_comparison_record(const apd_comparison *comparison, int run, int task) {
    int place = comparison->places[run * comparison->task_count + task];
    return &comparison->runs[run].state.records[place];
}

/* --- reading ------------------------------------------------------------ */

static apd_status read_run(const char *name, apd_compared_run *run, apd_error *error) {
    char *path = NULL;
    apd_status status;
    run->name = name;
    APD_TRY(apd_checkpoint_path(name, &path, error));
    APD_GO(apd_checkpoint_survey(path, &run->state, &run->capacity, error));
    APD_GO(apd_description_parse(path, run->state.run_yaml, (int64_t)strlen(run->state.run_yaml), NULL, 0,
                                 &run->description, error));
    if (run->state.task_count == 0)
        status = apd_fail(error, APD_ERROR_USAGE, "%s has no finished task; train it first", name);
out:
    free(path);
    return status;
}

/* --- whether runs belong together ------------------------------------------------------------ */

static apd_status check_description(const apd_compared_run *a, const apd_compared_run *b, apd_error *error) {
    apd_description_difference found;
    if (a->state.data_digest != b->state.data_digest)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: data.file is %s with digest %016" PRIx64 ", and in %s it is %s with digest "
                        "%016" PRIx64 "; " MAY_DIFFER,
                        b->name, b->description->data.file, b->state.data_digest, a->name,
                        a->description->data.file, a->state.data_digest);
    if (!apd_description_differs(b->description, a->description, may_differ, &found))
        return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE, "%s: %s is %s, and in %s it is %s; " MAY_DIFFER, b->name,
                    found.key, found.first, a->name, found.second);
}

/* All runs against the one that has come farthest. */
static apd_status check_lengths(const apd_comparison *c, apd_error *error) {
    int farthest = 0;
    for (int r = 1; r < c->run_count; r++)
        if (c->runs[r].state.task_count > c->runs[farthest].state.task_count)
            farthest = r;
    for (int r = 0; r < c->run_count; r++)
        if (c->runs[r].state.task_count < c->runs[farthest].state.task_count)
            return apd_fail(error, APD_ERROR_USAGE,
                            "%s has finished %d tasks, and %s %d; go on with the former by apd train first",
                            c->runs[r].name, c->runs[r].state.task_count, c->runs[farthest].name,
                            c->runs[farthest].state.task_count);
    return APD_OK;
}

static apd_status check_classes(const apd_comparison *c, int r, int t, apd_error *error) {
    const apd_task_record *a = apd_comparison_record(c, 0, t), *b = apd_comparison_record(c, r, t);
    if (a->class_count == 0 || b->class_count == 0)
        return APD_OK;
    if (a->class_count != b->class_count)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: task %d has %d classes, and in %s it has %d; runs of one stream are needed",
                        c->runs[r].name, c->tasks[t], b->class_count, c->runs[0].name, a->class_count);
    for (int k = 0; k < a->class_count; k++)
        if (a->classes[k] != b->classes[k])
            return apd_fail(
                error, APD_ERROR_USAGE,
                "%s: class %d of task %d is %d, and in %s it is %d; runs of one stream are needed",
                c->runs[r].name, k, c->tasks[t], b->classes[k], c->runs[0].name, a->classes[k]);
    return APD_OK;
}

static bool has_seed(const apd_comparison *c, int order, uint64_t seed) {
    for (int r = 0; r < c->run_count; r++)
        if (c->order_of[r] == order && c->runs[r].state.seed == seed)
            return true;
    return false;
}

/* A run given twice is no second seed. Permuted pixels are drawn from the seed, so that a task is the same
 * one in two orders only at equal seeds. */
static apd_status check_seeds(const apd_comparison *c, apd_error *error) {
    bool drawn = c->runs[0].description->stream.kind == APD_STREAM_PERMUTATION;
    for (int r = 0; r < c->run_count; r++) {
        uint64_t seed = c->runs[r].state.seed;
        for (int q = 0; q < r; q++)
            if (c->order_of[q] == c->order_of[r] && c->runs[q].state.seed == seed)
                return apd_fail(error, APD_ERROR_USAGE,
                                "%s and %s have the same tasks in the same order with the same seed %" PRIu64
                                ": one of them would weigh twice; leave it out",
                                c->runs[q].name, c->runs[r].name, seed);
        for (int q = 0; drawn && q < c->run_count; q++)
            if (!has_seed(c, c->order_of[q], seed))
                return apd_fail(error, APD_ERROR_USAGE,
                                "%s has seed %" PRIu64 ", and no run in the order of %s has it: stream.kind "
                                "permutation draws the tasks from the seed, so that every order needs the "
                                "same seeds",
                                c->runs[r].name, seed, c->runs[q].name);
    }
    return APD_OK;
}

/* --- side by side ------------------------------------------------------------ */

typedef struct identity {
    int id, place;
} identity;

static int by_id(const void *a, const void *b) {
    int first = ((const identity *)a)->id, second = ((const identity *)b)->id;
    return (first > second) - (first < second);
}

/* The places of run `r` by rising identity; the first run says which identities there are. */
static apd_status place_run(apd_comparison *c, int r, identity *found, apd_error *error) {
    const apd_compared_run *run = &c->runs[r];
    int tasks = c->task_count;
    for (int p = 0; p < tasks; p++)
        found[p] = (identity){run->state.records[p].id, p};
    qsort(found, (size_t)tasks, sizeof *found, by_id);
    for (int t = 0; t < tasks; t++) {
        if (t > 0 && found[t].id == found[t - 1].id)
            return apd_fail(error, APD_ERROR_DATA, "%s: two of its tasks say that they are task %d",
                            run->name, found[t].id);
        if (r > 0 && found[t].id != c->tasks[t])
            return apd_fail(error, APD_ERROR_USAGE,
                            "%s and %s have each finished %d tasks, but not the same ones (task %d is in one "
                            "of them only); finish both by apd train first",
                            c->runs[0].name, run->name, tasks,
                            found[t].id < c->tasks[t] ? found[t].id : c->tasks[t]);
        c->tasks[t] = found[t].id;
        c->places[(int64_t)r * tasks + t] = found[t].place;
    }
    return APD_OK;
}

static void find_orders(apd_comparison *c) {
    int *sequences = apd_allocate((int64_t)c->run_count * c->task_count, sizeof *sequences, "the orders");
    for (int r = 0; r < c->run_count; r++)
        for (int p = 0; p < c->task_count; p++)
            sequences[(int64_t)r * c->task_count + p] = c->runs[r].state.records[p].id;
    c->order_count = apd_order_group(sequences, c->run_count, c->task_count, c->order_of);
    free(sequences);
}

static double *last_row(const apd_compared_run *run) {
    return run->state.accuracies.now;
}

/* A task without a final accuracy in one run gets none in any. */
static void leave_out_forgotten(apd_comparison *c) {
    for (int t = 0; t < c->task_count; t++) {
        c->left_out[t] = -1;
        for (int r = c->run_count - 1; r >= 0; r--)
            if (apd_comparison_record(c, r, t)->class_count == 0 ||
                isnan(last_row(&c->runs[r])[c->places[(int64_t)r * c->task_count + t]]))
                c->left_out[t] = r;
        for (int r = 0; r < c->run_count; r++) {
            double *final = last_row(&c->runs[r]) + c->places[(int64_t)r * c->task_count + t];
            if (c->left_out[t] >= 0)
                *final = NAN;
            c->accuracy[(int64_t)r * c->task_count + t] = *final;
        }
    }
}

static apd_status lay_out(apd_comparison *c, apd_error *error) {
    int64_t runs = c->run_count, tasks = c->task_count = c->runs[0].state.task_count;
    c->tasks = apd_allocate(tasks, sizeof *c->tasks, "the tasks");
    c->places = apd_allocate((int64_t)runs * tasks, sizeof *c->places, "the tasks' places");
    c->order_of = apd_allocate(runs, sizeof *c->order_of, "the runs' orders");
    c->accuracy = apd_allocate((int64_t)runs * tasks, sizeof *c->accuracy, "the accuracies");
    c->left_out = apd_allocate(tasks, sizeof *c->left_out, "the tasks");
    identity *found = apd_allocate(tasks, sizeof *found, "the tasks");
    apd_status status = APD_OK;
    for (int r = 0; r < runs && status == APD_OK; r++)
        status = place_run(c, r, found, error);
    free(found);
    for (int r = 1; r < runs && status == APD_OK; r++)
        for (int t = 0; t < tasks && status == APD_OK; t++)
            status = check_classes(c, r, t, error);
    return status;
}

static void measure(apd_comparison *c) {
    leave_out_forgotten(c);
    for (int r = 0; r < c->run_count; r++)
        c->runs[r].metrics = apd_metrics_of(&c->runs[r].state.accuracies);
    c->means = apd_allocate((int64_t)c->order_count * c->task_count, sizeof *c->means, "the orders' means");
    c->opd = apd_allocate(c->task_count, sizeof *c->opd, "the tasks' OPD");
    c->spread = apd_order_spread_of(c->accuracy, c->order_of, c->run_count, c->order_count, c->task_count,
                                    c->means, c->opd);
}

apd_status apd_comparison_make(const char *const *names, int count, apd_comparison *out, apd_error *error) {
    apd_comparison c = {.run_count = count};
    apd_status status;
    c.runs = apd_allocate(count, sizeof *c.runs, "the runs");
    for (int r = 0; r < count; r++)
        APD_GO(read_run(names[r], &c.runs[r], error));
    for (int r = 1; r < count; r++)
        APD_GO(check_description(&c.runs[0], &c.runs[r], error));
    APD_GO(check_lengths(&c, error));
    APD_GO(lay_out(&c, error));
    find_orders(&c);
    APD_GO(check_seeds(&c, error));
    measure(&c);
    *out = c;
    return APD_OK;
out:
    apd_comparison_clear(&c);
    return status;
}

void apd_comparison_clear(apd_comparison *comparison) {
    for (int r = 0; r < comparison->run_count; r++) {
        apd_run_state_clear(&comparison->runs[r].state);
        apd_description_destroy(comparison->runs[r].description);
    }
    free(comparison->runs);
    free(comparison->tasks);
    free(comparison->places);
    free(comparison->order_of);
    free(comparison->accuracy);
    free(comparison->left_out);
    free(comparison->means);
    free(comparison->opd);
    *comparison = (apd_comparison){0};
}
