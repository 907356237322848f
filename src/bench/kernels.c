/* The parts of a step one by one, on the step's own shapes and with all ranks at work. */
#include "base/log.h"
#include "base/memory.h"
#include "bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- passes ---------------------------------------------------------------------------------------------- */

/* A network and what its passes need. The last one is the whole; those before it end ahead of a trained layer. */
typedef struct probe {
    apd_network *network;
    apd_workspace *workspace;
    float *theta, *gradient;
    int classes;
} probe;

typedef struct bench_passes {
    apd_rehearsal *rehearsal;
    int n, few, repeats;           /* images of a micro-batch, and of a quarter of it */
    const apd_gradient_layout *to; /* how a step's gradients lie */
    apd_gradient_layout *unfactored;
    int stages;                       /* trained layers with the head */
    probe *probes;                    /* (stages): the first s layers' forward passes, s = 1 .. stages */
    double *forward, *backward;       /* (stages, repeats) */
    double *many_passes, *few_passes; /* (repeats) */
    double mark;                      /* in a backward pass: when the last stage was done */
    int repeat;
} bench_passes;

static bool is_trained(const apd_layer_spec *spec) {
    return spec->kind == APD_LAYER_CONV || spec->kind == APD_LAYER_DENSE;
}

static void clear_probe(probe *made) {
    apd_workspace_destroy(made->workspace);
    apd_network_destroy(made->network);
    free(made->theta);
    free(made->gradient);
}

/* The trunk's first `layers` layers with a head of `classes`. */
static apd_status create_probe(const apd_run *run, int layers, int n, int classes, probe *made,
                               apd_error *error) {
    const apd_description *described = run->description;
    *made = (probe){.classes = classes};
    APD_TRY(apd_network_create(run->dataset->shape, described->network.layers, layers, classes,
                               &made->network, error));
    const apd_layout *layout = apd_network_layout(made->network);
    made->theta = apd_allocate(layout->size, sizeof(float), "parameters to be timed");
    made->gradient = apd_allocate(layout->size, sizeof(float), "gradients to be timed");
    made->workspace = apd_workspace_create(made->network, n);
    for (int b = 0; b < layout->block_count; b++) {
        apd_random random = apd_random_stream(1, APD_RANDOM_INITIAL_WEIGHTS, (uint32_t)b, 0);
        apd_network_initialise(made->network, b, (apd_rows){0, layout->blocks[b].rows}, 1.0f, &random,
                               made->theta + layout->blocks[b].weight);
    }
    return APD_OK;
}

/* A probe ahead of every trained layer but the first, and the whole network. */
static apd_status create_probes(bench_passes *p, apd_error *error) {
    const apd_run *run = p->rehearsal->run;
    int made = 0, count = run->description->network.layer_count;
    bool begun = false;
    for (int l = 0; l < count; l++) {
        if (!is_trained(&run->description->network.layers[l]))
            continue;
        if (begun)
            APD_TRY(create_probe(run, l, p->n, 1, &p->probes[made++], error));
        begun = true;
    }
    if (begun)
        APD_TRY(create_probe(run, count, p->n, 1, &p->probes[made++], error));
    return create_probe(run, count, p->n, p->rehearsal->classes, &p->probes[made], error);
}

static void stage_done(void *context, int block) {
    bench_passes *p = context;
    double now = apd_seconds();
    if (p->repeat >= 0)
        p->backward[block * p->repeats + p->repeat] = now - p->mark;
    p->mark = now;
}

static double time_forward(const bench_passes *p, const probe *net, int n) {
    const apd_run *run = p->rehearsal->run;
    double started = apd_seconds();
    (void)apd_network_forward(net->network, net->theta, run->images, n, net->classes, NULL, 0,
                              net->workspace);
    if (net == &p->probes[p->stages - 1])
        (void)apd_network_loss(net->network, run->labels, (apd_targets){0}, 0.01f, net->workspace);
    return apd_seconds() - started;
}

static double time_pass(const bench_passes *p, int n) {
    const probe *whole = &p->probes[p->stages - 1];
    apd_team_barrier(p->rehearsal->run->team);
    double started = apd_seconds();
    (void)time_forward(p, whole, n);
    apd_network_backward(whole->network, whole->theta, p->to, whole->gradient, whole->workspace, NULL, NULL);
    return apd_seconds() - started;
}

/* One repeat: all probes' forward passes, the whole network's backward pass, and a pass of many and of few. */
static void measure_stages(bench_passes *p) {
    const probe *whole = &p->probes[p->stages - 1];
    apd_team_barrier(p->rehearsal->run->team);
    double before = 0.0;
    for (int s = 0; s < p->stages; s++) {
        double seconds = time_forward(p, &p->probes[s], p->n);
        if (p->repeat >= 0)
            p->forward[s * p->repeats + p->repeat] = seconds - before;
        before = seconds;
    }
    p->mark = apd_seconds();
    apd_network_backward(whole->network, whole->theta, p->unfactored, whole->gradient, whole->workspace,
                         stage_done, p);
    double many = time_pass(p, p->n), few = time_pass(p, p->few);
    if (p->repeat >= 0) {
        p->many_passes[p->repeat] = many;
        p->few_passes[p->repeat] = few;
    }
}

static double mean_of_median(const apd_team *team, double *seconds, int count) {
    return apd_team_mean_seconds(team, fmax(apd_median(seconds, count), 0.0));
}

/* A stage that has the first trained layer makes no input gradient. */
static void fill_stage(const bench_passes *p, int s, apd_bench_stage *stage) {
    const apd_team *team = p->rehearsal->run->team;
    const probe *whole = &p->probes[p->stages - 1];
    apd_block_work image = apd_network_work(whole->network, s, p->rehearsal->classes);
    double work = 2.0 * (double)image.direct * p->n, weights = (double)image.weights;
    double inputs = (double)image.inputs * p->n, outputs = (double)image.outputs * p->n;
    *stage = (apd_bench_stage){
        .forward = mean_of_median(team, p->forward + s * p->repeats, p->repeats),
        .backward = mean_of_median(team, p->backward + s * p->repeats, p->repeats),
        .forward_work = work,
        .backward_work = s > 0 ? 2.0 * work : work,
        .done = (double)image.done / (double)image.direct,
        .forward_bytes = 4.0 * (inputs + outputs + weights),
        .backward_bytes = 4.0 * (outputs + (s > 0 ? 2.0 * inputs + 2.0 * weights : inputs + weights))};
    memcpy(stage->name, apd_network_layout(whole->network)->blocks[s].name, sizeof stage->name);
}

static apd_status measure_network(apd_rehearsal *rehearsal, int repeats, apd_kernels *kernels,
                                  apd_error *error) {
    const apd_run *run = rehearsal->run;
    bench_passes p = {.rehearsal = rehearsal,
                      .n = kernels->images,
                      .repeats = repeats,
                      .to = apd_exchange_gradient_layout(run->exchange),
                      .stages = apd_network_layout(run->network)->block_count};
    if (p.stages > APD_MOST_STAGES)
        return apd_fail(error, APD_ERROR_USAGE,
                        "a network of %d trained layers is more than the %d that bench can list", p.stages,
                        APD_MOST_STAGES);
    p.unfactored = apd_gradient_layout_create(apd_network_layout(run->network), 0);
    p.probes = apd_allocate(p.stages, sizeof *p.probes, "networks to be timed");
    p.few = p.n > 4 ? p.n / 4 : 1;
    p.many_passes = apd_allocate(repeats, sizeof(double), "times");
    p.few_passes = apd_allocate(repeats, sizeof(double), "times");
    p.forward = apd_allocate((int64_t)p.stages * repeats, sizeof *p.forward, "times");
    p.backward = apd_allocate((int64_t)p.stages * repeats, sizeof *p.backward, "times");
    (void)apd_train_set_gather(rehearsal->set, run->partition.shard_begin, 0, 0, run->images, run->labels,
                               NULL);
    apd_status status = create_probes(&p, error);
    for (p.repeat = -2; status == APD_OK && p.repeat < repeats; p.repeat++)
        measure_stages(&p);
    kernels->pass = mean_of_median(run->team, p.many_passes, repeats);
    kernels->few_pass = mean_of_median(run->team, p.few_passes, repeats);
    kernels->few = p.few;
    kernels->stage_count = status == APD_OK ? p.stages : 0;
    for (int s = 0; s < kernels->stage_count; s++)
        fill_stage(&p, s, &kernels->stages[s]);
    for (int s = 0; s < p.stages; s++)
        clear_probe(&p.probes[s]);
    apd_gradient_layout_destroy(p.unfactored);
    free(p.many_passes);
    free(p.few_passes);
    free(p.probes);
    free(p.forward);
    free(p.backward);
    return status;
}

/* --- memory traffic -------------------------------------------------------------------------------------- */

static double time_gather(apd_rehearsal *rehearsal) {
    apd_run *run = rehearsal->run;
    double started = apd_seconds();
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++)
        (void)apd_train_set_gather(rehearsal->set, shard, 0, 1 % apd_train_set_steps(rehearsal->set),
                                   run->images, run->labels, NULL);
    return apd_seconds() - started;
}

/* This rank's rows of a block, added up a piece at a time as a step does. */
static void collect_rows(apd_run *run, int b) {
    for (apd_rows rows = {0}; apd_exchange_next_rows(run->exchange, b, &rows);) {
        const float *bias = NULL;
        (void)apd_exchange_collect(run->exchange, b, rows, &bias);
    }
}

/* A step of the exchange whose gradients are all there before anyone adds: of the blocks that are factored, or of those
 * that are not. */
static double time_sums(apd_rehearsal *rehearsal, bool factored) {
    apd_exchange *exchange = rehearsal->run->exchange;
    const apd_gradient_layout *gradients = apd_exchange_gradient_layout(exchange);
    int blocks = apd_network_layout(rehearsal->run->network)->block_count;
    double spent = 0.0;
    apd_exchange_begin_step(exchange);
    for (int b = blocks - 1; b >= 0; b--)
        apd_exchange_publish(exchange, b);
    apd_team_barrier(rehearsal->run->team);
    for (int left = blocks; left > 0; left--) {
        double started = apd_seconds();
        int b = apd_exchange_next(exchange);
        collect_rows(rehearsal->run, b);
        if (gradients->blocks[b].factored == factored)
            spent += apd_seconds() - started;
        apd_exchange_release(exchange, b);
    }
    apd_exchange_end_step(exchange);
    return spent;
}

static double time_reduction(apd_rehearsal *rehearsal) {
    return time_sums(rehearsal, false);
}

static double time_products(apd_rehearsal *rehearsal) {
    return time_sums(rehearsal, true);
}

/* The most floats that a step collects at a time. */
static int64_t largest_piece(const apd_run *run) {
    const apd_layout *layout = apd_network_layout(run->network);
    int64_t most = 0;
    for (int b = 0; b < layout->block_count; b++) {
        int64_t piece = apd_exchange_chunk(run->exchange, b) * layout->blocks[b].cols;
        most = piece > most ? piece : most;
    }
    return most;
}

/* The solver alone, as a step calls it, on a gradient that stays in the cache. */
static double time_update(apd_rehearsal *rehearsal) {
    apd_run *run = rehearsal->run;
    const apd_layout *layout = apd_network_layout(run->network);
    float *gradient = apd_allocate(largest_piece(run), sizeof *gradient, "a gradient to be timed");
    apd_solver_begin_step(run->solver, run->description->training.lr);
    apd_exchange_begin_share(run->exchange);
    double started = apd_seconds();
    for (int b = layout->block_count - 1; b >= 0; b--) {
        float *bias = NULL, *weights = apd_exchange_theta_rows(run->exchange, b, &bias);
        for (apd_rows rows = {0}; apd_exchange_next_rows(run->exchange, b, &rows);)
            apd_solver_step_rows(run->solver, b, rows, gradient, gradient,
                                 weights + rows.begin * layout->blocks[b].cols, bias + rows.begin);
    }
    double spent = apd_seconds() - started;
    apd_exchange_end_share(run->exchange);
    free(gradient);
    return spent;
}

static double repeated(apd_rehearsal *rehearsal, double (*kernel)(apd_rehearsal *), int repeats) {
    double *seconds = apd_allocate(repeats, sizeof *seconds, "times");
    for (int i = -2; i < repeats; i++) {
        double spent = kernel(rehearsal);
        if (i >= 0)
            seconds[i] = spent;
    }
    double typical = mean_of_median(rehearsal->run->team, seconds, repeats);
    free(seconds);
    return typical;
}

/* Bytes of the update of a weight with no earlier task: theta, and what moves: sigma and tau with their four
 * moments, or theta with its two. apd-fixed is counted as apd. */
static double update_bytes(const apd_run *run, double decomposed, double dense) {
    bool masked = run->description->method.row->storage == APD_STORAGE_DECOMPOSED;
    return decomposed * (masked ? 52.0 : 28.0) + dense * 28.0;
}

static void measure_traffic(apd_rehearsal *rehearsal, int repeats, apd_kernels *kernels) {
    const apd_run *run = rehearsal->run;
    const apd_layout *layout = apd_network_layout(run->network);
    double ranks = apd_team_size(run->team), weights = 0.0;
    for (int b = 0; b < layout->block_count; b++)
        weights += (double)layout->blocks[b].rows * (double)layout->blocks[b].cols;
    double dense = weights - (double)layout->decomposed;
    int64_t features =
        (int64_t)run->dataset->shape.channels * run->dataset->shape.height * run->dataset->shape.width;
    kernels->gather =
        (apd_traffic){.seconds = repeated(rehearsal, time_gather, repeats),
                      .bytes = (double)run->description->training.batch / ranks *
                               (double)(run->dataset->image_bytes + features * (int64_t)sizeof(float))};
    double factored = (double)apd_factored_weights(layout, kernels->images);
    kernels->reduction =
        (apd_traffic){.seconds = repeated(rehearsal, time_reduction, repeats),
                      .bytes = apd_sum_bytes((int64_t)((weights - factored) / ranks), run->partition.shards)};
    kernels->products_work = 2.0 * factored / ranks * run->description->training.batch;
    kernels->products = factored > 0.0 ? repeated(rehearsal, time_products, repeats) : 0.0;
    kernels->update =
        (apd_traffic){.seconds = repeated(rehearsal, time_update, repeats),
                      .bytes = update_bytes(run, (double)layout->decomposed / ranks, dense / ranks)};
}

apd_status apd_kernels_measure(apd_rehearsal *rehearsal, int repeats, apd_kernels *kernels,
                               apd_error *error) {
    const apd_run *run = rehearsal->run;
    *kernels = (apd_kernels){
        .images = apd_partition_micro_batch(&run->partition, run->description->training.batch, 0)};
    (void)apd_rehearsal_begin_task(rehearsal);
    apd_rehearsal_steps(rehearsal, 2, NULL);
    APD_TRY(apd_team_agree(run->team, measure_network(rehearsal, repeats, kernels, error), error));
    measure_traffic(rehearsal, repeats, kernels);
    return APD_OK;
}
