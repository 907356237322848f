/* The model's fit, and the figures as a table and as JSON. */
#include "bench/bench.h"

#include "base/blas.h"
#include "base/counted.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* --- the fit --------------------------------------------------------------------------------------------- */

/* Between nodes if there was one node: a modest network. */
static const double assumed_latency = 2e-6, assumed_bandwidth = 10e9;

static double all_weights(const apd_layout *layout) {
    double weights = 0.0;
    for (int b = 0; b < layout->block_count; b++)
        weights += (double)layout->blocks[b].rows * (double)layout->blocks[b].cols;
    return weights;
}

void apd_bench_fit(apd_bench_result *result, const apd_machine *machine) {
    const apd_kernels *kernels = &result->kernels;
    apd_model *model = &result->model;
    double ranks = result->launch.ranks;
    apd_model_fit_pass(model, kernels->images, kernels->pass, kernels->few, kernels->few_pass);
    model->gather = kernels->gather.seconds * ranks / result->batch;
    model->product = kernels->products_work > 0.0 ? 2.0 * kernels->products / kernels->products_work : 0.0;
    model->update = kernels->update.seconds * ranks / all_weights(result->layout);
    bool summed = kernels->reduction.bytes > 0.0;
    model->sum_rate = summed ? kernels->reduction.bytes / kernels->reduction.seconds : machine->memory;
    result->network_assumed = !machine->ping.between_nodes;
    model->latency = result->network_assumed ? assumed_latency : machine->ping.latency;
    model->bandwidth = result->network_assumed ? assumed_bandwidth : machine->ping.bandwidth;
    model->meeting = ranks > 1.0 ? machine->ping.barrier / log2(ranks) : assumed_latency;
    result->prediction = apd_model_predict(model, result->layout, &result->launch, result->batch);
}

/* --- predictions ----------------------------------------------------------------------------------------- */

const int apd_predicted_ranks[APD_PREDICTED] = {1, 2, 8, 64, 512, 4096};

apd_prediction apd_bench_predict(const apd_bench_result *result, int ranks, bool weak, int64_t *batch) {
    apd_launch launch = {.ranks = ranks, .ranks_a_node = result->predicted_a_node, .shards = ranks};
    *batch = weak ? (int64_t)result->batch * ranks / result->launch.ranks : result->batch;
    if (launch.ranks_a_node > ranks)
        launch.ranks_a_node = ranks;
    if (*batch < ranks)
        return (apd_prediction){.compute = -1.0};
    return apd_model_predict(&result->model, result->layout, &launch, *batch);
}

static apd_prediction predict(const apd_bench_result *result, int ranks, bool weak) {
    int64_t batch;
    return apd_bench_predict(result, ranks, weak, &batch);
}

/* Strong: T(1)/(P*T(P)). Weak: T(1)/T(P). */
static double efficiency(const apd_bench_result *result, int ranks, bool weak, double seconds) {
    apd_prediction one = predict(result, 1, weak);
    return apd_prediction_seconds(&one) / (seconds * (weak ? 1 : ranks));
}

/* --- the table ------------------------------------------------------------------------------------------- */

void apd_bench_print_machine(const apd_machine *machine, const char *hosts, FILE *file) {
    (void)fprintf(file, "%s on %s (%.60s), BLAS core %s, apd %s %s\n", apd_count(machine->ranks, "rank").text,
                  apd_count(machine->nodes, "node").text, hosts, apd_blas_core(), APD_VERSION,
                  APD_BUILD_TYPE);
    (void)fprintf(file, "one rank while all work: sgemm %.1f GFLOP/s, memory %.1f GB/s", machine->sgemm / 1e9,
                  machine->memory / 1e9);
    if (machine->ranks > 1)
        (void)fprintf(file, "; between ranks %s: %.2f us, %.2f GB/s, barrier %.2f us",
                      machine->ping.between_nodes ? "of two nodes" : "of one node",
                      1e6 * machine->ping.latency, machine->ping.bandwidth / 1e9,
                      1e6 * machine->ping.barrier);
    (void)fputc('\n', file);
}

/* Work a second; NaN if the time was too short to be measured. */
static double rate_of(double work, double seconds) {
    return work > 0.0 && seconds > 0.0 ? work / seconds : NAN;
}

static void print_product(const char *layer, const char *way, double seconds, double work,
                          const apd_machine *machine, FILE *file) {
    double rate = rate_of(work, seconds);
    (void)fprintf(file, "  %-12s %-9s %9.3f ms %9.4f GFLOP", layer, way, 1e3 * seconds, work / 1e9);
    if (!isnan(rate))
        (void)fprintf(file, " %8.1f GFLOP/s %6.1f %% of sgemm", rate / 1e9, 100.0 * rate / machine->sgemm);
    (void)fputc('\n', file);
}

static void print_traffic(const char *what, const apd_traffic *traffic, const apd_machine *machine,
                          FILE *file) {
    double rate = rate_of(traffic->bytes, traffic->seconds);
    (void)fprintf(file, "  %-22s %9.3f ms", what, 1e3 * traffic->seconds);
    if (!isnan(rate))
        (void)fprintf(file, " %9.2f MB    %8.1f GB/s    %6.1f %% of memory", traffic->bytes / 1e6, rate / 1e9,
                      100.0 * rate / machine->memory);
    (void)fputc('\n', file);
}

static void print_kernels(const apd_bench_result *result, const apd_machine *machine, FILE *file) {
    const apd_kernels *kernels = &result->kernels;
    (void)fprintf(file, "\n  kernels of one rank, micro-batch of %s\n",
                  apd_count(kernels->images, "image").text);
    for (int s = 0; s < kernels->stage_count; s++) {
        const apd_bench_stage *stage = &kernels->stages[s];
        print_product(stage->name, "forward", stage->forward, stage->forward_work, machine, file);
        print_product(stage->name, "backward", stage->backward, stage->backward_work, machine, file);
    }
    if (kernels->products_work > 0.0)
        print_product("factors", "", kernels->products, kernels->products_work, machine, file);
    print_traffic("making batches", &kernels->gather, machine, file);
    print_traffic("sum over shards", &kernels->reduction, machine, file);
    print_traffic("solver's update", &kernels->update, machine, file);
}

static void print_scan(const apd_bench_result *result, const apd_bench_tasks *row, FILE *file) {
    if (row->skipped) {
        (void)fprintf(file, "  %7d   not measured: too little memory for %.1f GB a rank\n", row->scan.earlier,
                      row->wants_bytes / 1e9);
        return;
    }
    double step = apd_step_seconds(&row->scan.step), none = apd_step_seconds(&result->tasks[0].scan.step);
    (void)fprintf(file, "  %7d %9.3f %6.3f", row->scan.earlier, 1e3 * step, step / none);
    for (int phase = 0; phase < APD_PHASES; phase++)
        (void)fprintf(file, " %8.3f", 1e3 * row->scan.step.phases[phase]);
    (void)fprintf(file, " %9.1f", 1e3 * row->scan.begin);
    (void)fputc('\n', file);
}

static void print_scans(const apd_bench_result *result, FILE *file) {
    (void)fprintf(file,
                  "\n  steps, in ms (%s, tau not zero at %.3g %% of the weights)\n  earlier      step  ratio",
                  result->method, 100.0 * result->density);
    for (int phase = 0; phase < APD_PHASES; phase++)
        (void)fprintf(file, " %8s", apd_phase_names[phase]);
    (void)fputs("    begin\n", file);
    for (int i = 0; i < result->task_count; i++)
        print_scan(result, &result->tasks[i], file);
}

static void print_scale(const apd_bench_scale *scale, FILE *file) {
    const apd_scaling_point *point = &scale->point;
    const char *grown = point->ranks == 1 ? "" : scale->weak ? "weak" : "strong";
    apd_spread step = apd_point_spread(point, APD_Q_STEP);
    (void)fprintf(
        file, "  %7d  %-6s %6d %6d %9.3f %9.3f %9.3f %7.1f %% %7.1f %% %7.1f %% %7.1f %%  %016" PRIx64 "\n",
        point->ranks, grown, point->batch, point->shards, 1e3 * step.median, 1e3 * step.least,
        1e3 * step.most, 100.0 * scale->share, 100.0 * scale->share_of_slower,
        100.0 * apd_point_load_balance(point), 100.0 * apd_point_communication(point), point->digest);
}

static void print_scaling(const apd_bench_scaling *scaling, FILE *file) {
    if (scaling->count == 0)
        return;
    (void)fputs(
        "\n  steps in ms on some ranks while the others rest: median, least and most of the rounds;\n"
        "  eff.: share of a perfect speed-up against the mean of the first and the last rank alone, and\n"
        "  against the slower of them; load balance and communication (docs/scaling.md); digest of theta\n"
        "    ranks           batch shards      step     least      most      eff.  of slower   balance   "
        "commun.  digest\n",
        file);
    for (int i = 0; i < scaling->count; i++)
        print_scale(&scaling->scales[i], file);
}

static void print_commit(const char *what, const apd_bench_commit *commit, FILE *file) {
    (void)fprintf(file, "   %s %.3f s, %.1f MB", what, commit->seconds, commit->bytes / 1e6);
    if (commit->plain > 0.0)
        (void)fprintf(file, " (plain write %.3f s)", commit->plain);
}

/* Commits and consolidations, if they were measured. */
static void print_occasional(const apd_bench_result *result, FILE *file) {
    for (int i = 0; i < result->task_count; i++) {
        const apd_bench_tasks *row = &result->tasks[i];
        if (row->commit.bytes == 0.0 && row->consolidation == 0.0)
            continue;
        (void)fprintf(file, "  %7d", row->scan.earlier);
        if (row->commit.bytes > 0.0) {
            print_commit("first commit", &row->first_commit, file);
            print_commit("of one more task", &row->commit, file);
        }
        if (row->consolidation > 0.0)
            (void)fprintf(file, "   consolidation %.3f s", row->consolidation);
        (void)fputc('\n', file);
    }
}

static void print_prediction(const apd_bench_result *result, int ranks, bool weak, FILE *file) {
    apd_prediction p = predict(result, ranks, weak);
    double seconds = apd_prediction_seconds(&p);
    if (p.compute < 0.0)
        (void)fprintf(file, "   %27s", "-");
    else
        (void)fprintf(file, "   %9.3f %8.3f %7.1f %%", 1e3 * seconds, 1e3 * p.messages,
                      100.0 * efficiency(result, ranks, weak, seconds));
}

static void print_model(const apd_bench_result *result, FILE *file) {
    const apd_prediction *p = &result->prediction;
    double seconds = apd_prediction_seconds(p), measured = apd_step_seconds(&result->tasks[0].scan.step);
    (void)fprintf(file,
                  "\n  model: compute %.3f + memory %.3f + messages %.3f = %.3f ms; measured with %s: %.3f "
                  "ms (%.2f of the "
                  "model)\n",
                  1e3 * p->compute, 1e3 * p->memory, 1e3 * p->messages, 1e3 * seconds,
                  apd_count(result->tasks[0].scan.earlier, "earlier task").text, 1e3 * measured,
                  measured / seconds);
    (void)fprintf(
        file,
        "  PREDICTED, not measured: one shard a rank, %d ranks a node, each as fast as here; between nodes "
        "%.1f us, "
        "%.1f GB/s (%s);\n  no overlap, no late ranks\n"
        "    ranks   batch of %d: step, messages, eff.     %.3g images a rank: step, messages, eff.\n",
        result->predicted_a_node, 1e6 * result->model.latency, result->model.bandwidth / 1e9,
        result->network_assumed ? "assumed" : "measured", result->batch,
        (double)result->batch / result->launch.ranks);
    for (int i = 0; i < APD_PREDICTED; i++) {
        (void)fprintf(file, "  %7d", apd_predicted_ranks[i]);
        print_prediction(result, apd_predicted_ranks[i], false, file);
        print_prediction(result, apd_predicted_ranks[i], true, file);
        (void)fputc('\n', file);
    }
}

void apd_bench_print(const apd_bench_result *result, const apd_machine *machine, FILE *file) {
    (void)fprintf(file, "\n%s: %d x %d x %d, %s, %.2f M decomposed weights, batch %d, %s\n", result->preset,
                  result->shape.channels, result->shape.height, result->shape.width,
                  apd_count(result->classes, "class").text, (double)result->layout->decomposed / 1e6,
                  result->batch, apd_count(result->launch.shards, "shard").text);
    print_kernels(result, machine, file);
    print_scaling(&result->scaling, file);
    print_scans(result, file);
    print_occasional(result, file);
    print_model(result, file);
}

/* --- JSON ------------------------------------------------------------------------------------------------ */

void apd_bench_write_machine(const apd_machine *machine, const char *hosts, apd_json *json) {
    apd_json_text(json, "program", "apd " APD_VERSION);
    apd_json_text(json, "build", APD_BUILD_TYPE);
    apd_json_text(json, "blas_core", apd_blas_core());
    apd_json_text(json, "hosts", hosts);
    apd_json_integer(json, "ranks", machine->ranks);
    apd_json_integer(json, "nodes", machine->nodes);
    apd_json_begin_object(json, "machine");
    apd_json_number(json, "sgemm_gflops_a_rank", machine->sgemm / 1e9);
    apd_json_number(json, "memory_gbytes_a_second_a_rank", machine->memory / 1e9);
    apd_json_number(json, "message_us", machine->ranks > 1 ? 1e6 * machine->ping.latency : NAN);
    apd_json_number(json, "message_gbytes_a_second",
                    machine->ranks > 1 ? machine->ping.bandwidth / 1e9 : NAN);
    apd_json_number(json, "meeting_us", machine->ranks > 1 ? 1e6 * machine->ping.barrier : NAN);
    apd_json_flag(json, "between_nodes", machine->ping.between_nodes);
    apd_json_end(json);
}

/* `done`: the work of the kernel's own products; `bytes` 0: not counted. */
static void write_product(const char *key, double seconds, double work, double done, double bytes,
                          const apd_machine *machine, apd_json *json) {
    apd_json_begin_object(json, key);
    apd_json_number(json, "ms", 1e3 * seconds);
    apd_json_number(json, "gflop", work / 1e9);
    apd_json_number(json, "gflops", rate_of(work, seconds) / 1e9);
    apd_json_number(json, "of_sgemm", rate_of(work, seconds) / machine->sgemm);
    apd_json_number(json, "gflop_done", done / 1e9);
    apd_json_number(json, "gflops_done", rate_of(done, seconds) / 1e9);
    if (bytes > 0.0)
        apd_json_number(json, "mbytes", bytes / 1e6);
    apd_json_end(json);
}

static void write_traffic(const char *key, const apd_traffic *traffic, const apd_machine *machine,
                          apd_json *json) {
    double rate = rate_of(traffic->bytes, traffic->seconds);
    apd_json_begin_object(json, key);
    apd_json_number(json, "ms", 1e3 * traffic->seconds);
    apd_json_number(json, "mbytes", traffic->bytes / 1e6);
    apd_json_number(json, "gbytes_a_second", rate / 1e9);
    apd_json_number(json, "of_memory", rate / machine->memory);
    apd_json_end(json);
}

static void write_kernels(const apd_bench_result *result, const apd_machine *machine, apd_json *json) {
    const apd_kernels *kernels = &result->kernels;
    apd_json_begin_object(json, "kernels");
    apd_json_integer(json, "images", kernels->images);
    apd_json_begin_array(json, "layers");
    for (int s = 0; s < kernels->stage_count; s++) {
        const apd_bench_stage *stage = &kernels->stages[s];
        apd_json_begin_object(json, NULL);
        apd_json_text(json, "name", stage->name);
        write_product("forward", stage->forward, stage->forward_work, stage->done * stage->forward_work,
                      stage->forward_bytes, machine, json);
        write_product("backward", stage->backward, stage->backward_work, stage->done * stage->backward_work,
                      stage->backward_bytes, machine, json);
        apd_json_end(json);
    }
    apd_json_end(json);
    apd_json_number(json, "pass_ms", 1e3 * kernels->pass);
    apd_json_integer(json, "few_images", kernels->few);
    apd_json_number(json, "few_pass_ms", 1e3 * kernels->few_pass);
    if (kernels->products_work > 0.0)
        write_product("by_factors", kernels->products, kernels->products_work, kernels->products_work, 0.0,
                      machine, json);
    write_traffic("gather", &kernels->gather, machine, json);
    write_traffic("reduction", &kernels->reduction, machine, json);
    write_traffic("update", &kernels->update, machine, json);
    apd_json_end(json);
}

static void write_commit(const char *key, const apd_bench_commit *commit, apd_json *json) {
    if (commit->bytes == 0.0)
        return;
    apd_json_begin_object(json, key);
    apd_json_number(json, "seconds", commit->seconds);
    apd_json_number(json, "bytes", commit->bytes);
    apd_json_number(json, "plain_write_seconds", commit->plain > 0.0 ? commit->plain : NAN);
    apd_json_end(json);
}

static void write_phases(const apd_step_time *step, apd_json *json) {
    apd_json_begin_object(json, "phases_ms");
    for (int phase = 0; phase < APD_PHASES; phase++)
        apd_json_number(json, apd_phase_names[phase], 1e3 * step->phases[phase]);
    apd_json_end(json);
}

static void write_digest(uint64_t digest, apd_json *json) {
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, digest);
    apd_json_text(json, "digest", text);
}

static void write_phase_medians(const char *key, const apd_scaling_point *point, int first, apd_json *json) {
    apd_json_begin_object(json, key);
    for (int phase = 0; phase < APD_PHASES; phase++)
        apd_json_number(json, apd_phase_names[phase],
                        1e3 * apd_point_spread(point, (apd_quantity)(first + phase)).median);
    apd_json_end(json);
}

static void write_scale(const apd_bench_scale *scale, apd_json *json) {
    const apd_scaling_point *point = &scale->point;
    apd_spread step = apd_point_spread(point, APD_Q_STEP);
    apd_json_begin_object(json, NULL);
    apd_json_integer(json, "ranks", point->ranks);
    apd_json_flag(json, "weak", scale->weak);
    apd_json_integer(json, "batch", point->batch);
    apd_json_integer(json, "shards", point->shards);
    apd_json_integer(json, "rounds", point->repeats);
    apd_json_integer(json, "steps", point->steps);
    apd_json_number(json, "median_ms", 1e3 * step.median);
    apd_json_number(json, "least_ms", 1e3 * step.least);
    apd_json_number(json, "most_ms", 1e3 * step.most);
    apd_json_number(json, "efficiency", scale->share);
    apd_json_number(json, "efficiency_of_slower", scale->share_of_slower);
    apd_json_number(json, "load_balance", apd_point_load_balance(point));
    apd_json_number(json, "communication", apd_point_communication(point));
    write_phase_medians("phases_ms", point, APD_Q_MEAN, json);
    write_phase_medians("phases_max_ms", point, APD_Q_MOST, json);
    write_digest(point->digest, json);
    apd_json_end(json);
}

static void write_scan(const apd_bench_tasks *row, apd_json *json) {
    apd_json_begin_object(json, NULL);
    apd_json_integer(json, "earlier_tasks", row->scan.earlier);
    apd_json_flag(json, "measured", !row->skipped);
    if (!row->skipped) {
        apd_json_integer(json, "steps", row->scan.steps);
        apd_json_number(json, "step_ms", 1e3 * apd_step_seconds(&row->scan.step));
        apd_json_number(json, "median_ms", 1e3 * row->scan.median);
        write_phases(&row->scan.step, json);
        apd_json_number(json, "begin_task_ms", 1e3 * row->scan.begin);
        write_commit("first_commit", &row->first_commit, json);
        write_commit("commit", &row->commit, json);
        apd_json_number(json, "checkpoint_bytes", row->bytes > 0.0 ? row->bytes : NAN);
        apd_json_number(json, "consolidation_seconds", row->consolidation > 0.0 ? row->consolidation : NAN);
    }
    apd_json_end(json);
}

static void write_prediction(const apd_bench_result *result, int ranks, bool weak, apd_json *json) {
    apd_prediction p = predict(result, ranks, weak);
    double seconds = apd_prediction_seconds(&p);
    if (p.compute < 0.0)
        return;
    apd_json_begin_object(json, weak ? "weak" : "strong");
    apd_json_number(json, "compute_ms", 1e3 * p.compute);
    apd_json_number(json, "memory_ms", 1e3 * p.memory);
    apd_json_number(json, "messages_ms", 1e3 * p.messages);
    apd_json_number(json, "step_ms", 1e3 * seconds);
    apd_json_number(json, "efficiency", efficiency(result, ranks, weak, seconds));
    apd_json_end(json);
}

static void write_model(const apd_bench_result *result, apd_json *json) {
    const apd_prediction *p = &result->prediction;
    apd_json_begin_object(json, "model");
    apd_json_number(json, "compute_ms", 1e3 * p->compute);
    apd_json_number(json, "memory_ms", 1e3 * p->memory);
    apd_json_number(json, "messages_ms", 1e3 * p->messages);
    apd_json_number(json, "step_ms", 1e3 * apd_prediction_seconds(p));
    apd_json_end(json);
    apd_json_begin_object(json, "prediction");
    apd_json_integer(json, "ranks_a_node", result->predicted_a_node);
    apd_json_number(json, "message_us", 1e6 * result->model.latency);
    apd_json_number(json, "gbytes_a_second", result->model.bandwidth / 1e9);
    apd_json_flag(json, "network_assumed", result->network_assumed);
    apd_json_begin_array(json, "ranks");
    for (int i = 0; i < APD_PREDICTED; i++) {
        apd_json_begin_object(json, NULL);
        apd_json_integer(json, "ranks", apd_predicted_ranks[i]);
        write_prediction(result, apd_predicted_ranks[i], false, json);
        write_prediction(result, apd_predicted_ranks[i], true, json);
        apd_json_end(json);
    }
    apd_json_end(json);
    apd_json_end(json);
}

void apd_bench_write(const apd_bench_result *result, const apd_machine *machine, apd_json *json) {
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "preset", result->preset);
    apd_json_text(json, "method", result->method);
    apd_json_integer(json, "decomposed_weights", result->layout->decomposed);
    apd_json_integer(json, "batch", result->batch);
    apd_json_integer(json, "shards", result->launch.shards);
    apd_json_number(json, "density", result->density);
    write_digest(result->digest, json);
    write_kernels(result, machine, json);
    apd_json_begin_array(json, "scaling");
    for (int i = 0; i < result->scaling.count; i++)
        write_scale(&result->scaling.scales[i], json);
    apd_json_end(json);
    apd_json_begin_array(json, "steps");
    for (int i = 0; i < result->task_count; i++)
        write_scan(&result->tasks[i], json);
    apd_json_end(json);
    write_model(result, json);
    apd_json_end(json);
}
