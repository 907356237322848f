/* The figures as series of points, measured and predicted, and as points under a roofline. */
#include "bench/bench.h"

#include "base/blas.h"
#include "base/counted.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

char *apd_bench_about(const apd_machine *machine, const char *hosts) {
    apd_text text;
    apd_text_begin(&text, "a sentence on the machine");
    (void)fprintf(text.file,
                  "Measured by apd bench, apd %s %s, with %s on %s (%.60s), BLAS core %s; one rank while all "
                  "work: sgemm "
                  "%.1f GFLOP/s, memory %.1f GB/s",
                  APD_VERSION, APD_BUILD_TYPE, apd_count(machine->ranks, "rank").text,
                  apd_count(machine->nodes, "node").text, hosts, apd_blas_core(), machine->sgemm / 1e9,
                  machine->memory / 1e9);
    if (machine->ranks > 1)
        (void)fprintf(text.file, "; between ranks %s: %.2f us, %.2f GB/s",
                      machine->ping.between_nodes ? "of two nodes" : "of one node",
                      1e6 * machine->ping.latency, machine->ping.bandwidth / 1e9);
    (void)fputs(". Ranks that a row does not count rest.", text.file);
    return apd_text_end(&text);
}

/* --- ranks ------------------------------------------------------------------------------------------------- */

/* Whether all strong cases have the same shards, so that their digests can be compared. */
static bool same_shards(const apd_bench_scaling *scaling) {
    for (int i = 1; i < scaling->count; i++)
        if (!scaling->scales[i].weak && scaling->scales[i].point.shards != scaling->scales[0].point.shards)
            return false;
    return true;
}

static void add_measured(const apd_bench_result *result, bool weak, apd_scaling *scaling) {
    const apd_bench_scaling *from = &result->scaling;
    apd_scaling_series *series =
        apd_scaling_add(scaling, result->preset, NULL, weak ? APD_WEAK : APD_STRONG, NULL);
    for (int i = 0; i < from->count; i++) {
        if (i > 0 && from->scales[i].weak != weak) /* the first is one rank's */
            continue;
        apd_scaling_point point = from->scales[i].point;
        point.digest = same_shards(from) ? point.digest : 0;
        memcpy(apd_series_add(series, point)->values, from->scales[i].point.values,
               (size_t)point.repeats * sizeof *point.values);
    }
}

/* What the model takes for granted. */
static char *assumptions_of(const apd_bench_result *result) {
    double model = apd_prediction_seconds(&result->prediction);
    apd_text text;
    apd_text_begin(&text, "the model's assumptions");
    (void)fprintf(
        text.file,
        "one shard a rank, %d ranks a node, each as fast as here; between nodes %.1f us and %.1f GB/s "
        "(%s); no overlap, no late ranks; the measured step on %s took %.2f of the model's",
        result->predicted_a_node, 1e6 * result->model.latency, result->model.bandwidth / 1e9,
        result->network_assumed ? "assumed" : "measured", apd_count(result->launch.ranks, "rank").text,
        apd_step_seconds(&result->tasks[0].scan.step) / model);
    return apd_text_end(&text);
}

static void add_predicted(const apd_bench_result *result, bool weak, apd_scaling *scaling) {
    char *assumptions = assumptions_of(result);
    apd_scaling_series *series =
        apd_scaling_add(scaling, result->preset, NULL, weak ? APD_WEAK : APD_STRONG, assumptions);
    for (int i = 0; i < APD_PREDICTED; i++) {
        int64_t batch;
        int ranks = apd_predicted_ranks[i], node = result->predicted_a_node;
        apd_prediction predicted = apd_bench_predict(result, ranks, weak, &batch);
        if (predicted.compute < 0.0 || batch > INT32_MAX)
            continue;
        apd_scaling_point point = {.ranks = ranks,
                                   .nodes = (ranks + node - 1) / node,
                                   .shards = ranks,
                                   .batch = (int)batch,
                                   .repeats = 1};
        apd_series_add(series, point)->values[0][APD_Q_STEP] = apd_prediction_seconds(&predicted);
    }
    free(assumptions);
}

/* --- tasks ------------------------------------------------------------------------------------------------- */

static void fill_tasks(const apd_bench_tasks *row, double *values) {
    values[APD_Q_STEP] = apd_step_seconds(&row->scan.step);
    for (int phase = 0; phase < APD_PHASES; phase++)
        values[APD_Q_MEAN + phase] = row->scan.step.phases[phase];
    values[APD_Q_CONSOLIDATION] = row->consolidation > 0.0 ? row->consolidation : (double)NAN;
    values[APD_Q_COMMIT] = row->commit.seconds > 0.0 ? row->commit.seconds : (double)NAN;
    values[APD_Q_BYTES] = row->bytes > 0.0 ? row->bytes : (double)NAN;
}

/* Whether the row is a point of a growing number of tasks. */
static bool has_tasks(const apd_bench_tasks *row) {
    return !row->skipped && row->scan.earlier > 0;
}

static void add_tasks(const apd_bench_result *result, apd_scaling *scaling) {
    int count = 0;
    for (int i = 0; i < result->task_count; i++)
        count += has_tasks(&result->tasks[i]);
    if (count < 2)
        return;
    apd_scaling_series *series = apd_scaling_add(scaling, result->preset, NULL, APD_TASKS, NULL);
    for (int i = 0; i < result->task_count; i++) {
        const apd_bench_tasks *row = &result->tasks[i];
        if (!has_tasks(row))
            continue;
        apd_scaling_point point = {.ranks = result->launch.ranks,
                                   .shards = result->launch.shards,
                                   .batch = result->batch,
                                   .tasks = row->scan.earlier,
                                   .steps = row->scan.steps,
                                   .repeats = 1};
        fill_tasks(row, apd_series_add(series, point)->values[0]);
    }
}

void apd_bench_series(const apd_bench_result *result, apd_scaling *scaling) {
    if (result->scaling.count > 1)
        for (int weak = 0; weak < 2; weak++)
            add_measured(result, weak == 1, scaling);
    add_tasks(result, scaling);
    for (int weak = 0; weak < 2; weak++)
        add_predicted(result, weak == 1, scaling);
}

/* --- the roofline ------------------------------------------------------------------------------------------ */

void apd_bench_begin_roofline(FILE *file) {
    (void)fputs("preset,kernel,direction,seconds,flop,flop_direct,bytes,roof_flops,roof_bytes_a_second\n",
                file);
}

static void put_kernel(const apd_bench_result *result, const char *kernel, const char *direction,
                       double seconds, double direct, double done, double bytes, const apd_machine *machine,
                       FILE *file) {
    if (seconds > 0.0 && bytes > 0.0)
        (void)fprintf(file, "%s,%s,%s,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", result->preset, kernel, direction,
                      seconds, done, direct, bytes, machine->sgemm, machine->memory);
}

void apd_bench_roofline(const apd_bench_result *result, const apd_machine *machine, FILE *file) {
    for (int s = 0; s < result->kernels.stage_count; s++) {
        const apd_bench_stage *stage = &result->kernels.stages[s];
        put_kernel(result, stage->name, "forward", stage->forward, stage->forward_work,
                   stage->done * stage->forward_work, stage->forward_bytes, machine, file);
        put_kernel(result, stage->name, "backward", stage->backward, stage->backward_work,
                   stage->done * stage->backward_work, stage->backward_bytes, machine, file);
    }
}
