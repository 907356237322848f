/* apd plan: what a run will need, worked out before it runs. */
#include "plan/plan.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/evaluator.h"
#include "engine/fisher_pass.h"
#include "io/system/process.h"
#include "plan/synthetic.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct plan_options {
    apd_cli_list settings;
    const char *nodes, *ranks_a_node, *density, *seconds, *longest, *script;
    bool json;
} plan_options;

static const plan_options defaults = {.nodes = "1", .density = "0.05", .seconds = "4", .longest = "24"};

#define HOLDS(member) APD_CLI_HOLDS(plan_options, member)
static const apd_cli_option table[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the description; may be repeated",
     APD_CLI_COLLECTS(plan_options, settings)},
    {.name = "nodes", .argument = "N", .help = "nodes of the planned job (default 1)", HOLDS(nodes)},
    {.name = "ranks-a-node",
     .argument = "N",
     .help = "ranks on each node (default: the number of ranks that plan runs on)",
     HOLDS(ranks_a_node)},
    {.name = "density",
     .argument = "SHARE",
     .help = "the share of weights at which a finished task's tau is not zero (default 0.05)",
     HOLDS(density)},
    {.name = "seconds", .argument = "N", .help = "how long to measure steps (default 4)", HOLDS(seconds)},
    {.name = "longest",
     .argument = "HOURS",
     .help = "the site's longest job (default 24); a longer run requeues itself",
     HOLDS(longest)},
    {.name = "script", .argument = "FILE", .help = "write a complete job script for Slurm", HOLDS(script)},
    {.name = "json", .help = "print a JSON object instead", APD_CLI_SETS(plan_options, json)},
    {0},
};

enum { STEPS_OF_A_TASK = 5, ROUNDS = 4 };
static const double write_rate = 20e6; /* bytes a second of a commit: HDF5 with checksums, and reading back */

static apd_status read_options(const plan_options *options, apd_plan *plan, double *budget,
                               apd_error *error) {
    long values[2] = {1, plan->present.ranks};
    double hours = 0.0;
    APD_TRY(apd_cli_integer("nodes", options->nodes, 1, 65536, &values[0], error));
    if (options->ranks_a_node != NULL)
        APD_TRY(apd_cli_integer("ranks-a-node", options->ranks_a_node, 1, 65536, &values[1], error));
    APD_TRY(apd_cli_number("density", options->density, 0.0, 1.0, &plan->density, error));
    APD_TRY(apd_cli_number("seconds", options->seconds, 0.1, 3600.0, budget, error));
    APD_TRY(apd_cli_number("longest", options->longest, 0.2, 10000.0, &hours, error));
    plan->nodes = (int)values[0];
    plan->ranks_a_node = (int)values[1];
    plan->longest = 3600.0 * hours;
    if (values[0] * values[1] > 65536)
        return apd_fail(error, APD_ERROR_USAGE,
                        "--nodes %ld and --ranks-a-node %ld: at most 65536 ranks are possible", values[0],
                        values[1]);
    plan->launch = (apd_launch){.ranks = (int)(values[0] * values[1]), .ranks_a_node = (int)values[1]};
    return APD_OK;
}

/* The run's shards, or one for each planned rank, so that a shard's micro-batch has the size that it will have. */
static apd_status choose_shards(apd_plan *plan, const apd_description *described, apd_error *error) {
    int shards = described->shards > 0 ? described->shards : plan->launch.ranks;
    if (shards < plan->launch.ranks)
        return apd_fail(error, APD_ERROR_USAGE, "%s planned for a run with %s: plan at most one rank a shard",
                        apd_count(plan->launch.ranks, "rank").text, apd_count(shards, "shard").text);
    if (shards < plan->present.ranks)
        return apd_fail(error, APD_ERROR_USAGE,
                        "plan runs on %s, but the run has %s: start plan on at most one rank a shard",
                        apd_count(plan->present.ranks, "rank").text, apd_count(shards, "shard").text);
    plan->present.shards = plan->launch.shards = shards;
    return APD_OK;
}

/* --- counting -------------------------------------------------------------------------------------------- */

static int64_t count_images(const apd_run *run, int id, apd_part_kind part) {
    apd_sample *samples = NULL;
    int64_t count =
        apd_stream_samples(run->stream, run->dataset, id, run->description->data.validation, part, &samples);
    free(samples);
    return count;
}

/* Steps of all tasks. Permuted and rotated tasks all have the same number of images. */
static void count_steps(apd_plan *plan) {
    const apd_run *run = plan->run;
    apd_stream_kind kind = run->description->stream.kind;
    bool alike = kind == APD_STREAM_PERMUTATION || kind == APD_STREAM_ROTATION;
    plan->least_steps = INT64_MAX;
    int64_t own = 0, steps = 0;
    for (int place = 0; place < run->stream->task_count; place++) {
        if (place == 0 || !alike)
            own = apd_task_steps(count_images(run, run->stream->order[place], APD_PART_TRAIN),
                                 run->description->training.batch, run->description->training.epochs);
        steps = run->description->method.row->rehearses ? steps + own : own;
        plan->least_steps = steps < plan->least_steps ? steps : plan->least_steps;
        plan->most_steps = steps > plan->most_steps ? steps : plan->most_steps;
        plan->steps += steps;
    }
}

/* How many evaluations a run makes: each task once it is learned, and all finished tasks whenever they may have moved. */
static int64_t count_evaluations(const apd_description *described, int tasks) {
    const apd_method *method = described->method.row;
    int64_t count =
        apd_method_moves(method, described->method.lambda2) ? (int64_t)tasks * (tasks + 1) / 2 : tasks;
    int every = method->clusters ? described->method.consolidate_every : 0;
    for (int done = every; every > 0 && done <= tasks; done += every)
        count += done;
    return count;
}

/* --- measuring ------------------------------------------------------------------------------------------- */

/* Bytes of the solver on the rank that holds most. Collective. */
static int64_t solver_bytes(const apd_run *run) {
    int64_t bytes = apd_solver_bytes(run->solver);
    apd_team_maximum(run->team, &bytes, 1);
    return bytes;
}

/* Bytes of the solver's arrays in a commit half way, over all ranks. Collective. */
static int64_t state_bytes(const apd_run *run) {
    int64_t bytes = 0;
    bool keeps = run->description->training.keep_best > 0;
    for (int i = 0; i < apd_solver_array_count(run->solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(run->solver, i);
        int64_t size = array->rows * array->width * (int64_t)sizeof(float);
        bytes += array->parameter && keeps ? 2 * size : size;
    }
    apd_team_sum(run->team, &bytes, 1);
    return bytes;
}

/* Seconds to begin and end a task, with a few steps between. The task is removed again, because with so few steps it
 * is no typical earlier task. Collective. */
static double measure_edge(apd_plan *plan, apd_run *run, apd_rehearsal *rehearsal) {
    double seconds = apd_rehearsal_begin_task(rehearsal);
    apd_rehearsal_steps(rehearsal, STEPS_OF_A_TASK, NULL);
    if (run->decomposition->task_count == 0) {
        plan->solver_bytes = solver_bytes(run);
        plan->state_bytes = state_bytes(run);
    }
    seconds += apd_rehearsal_end_task(rehearsal);
    if (run->decomposition->task_count == 1)
        plan->resting_bytes = solver_bytes(run);
    int last = run->decomposition->task_count - 1;
    apd_rehearsal_show_tasks(rehearsal, last);
    apd_task_part_destroy(run->decomposition, run->decomposition->tasks[last]);
    return seconds;
}

/* The edges of a task and its steps, with no earlier task and with synthetic ones. Collective. */
static void measure_tasks(apd_plan *plan, apd_run *run, apd_rehearsal *rehearsal, double budget) {
    bool follows = run->description->method.row->follows;
    int tasks = run->stream->task_count;
    plan->time.edge = measure_edge(plan, run, rehearsal);
    plan->present_peak = apd_peak_bytes();
    apd_team_maximum(run->team, &plan->present_peak, 1);
    plan->earlier = !follows ? 0 : tasks - 1 < APD_PLAN_EARLIER ? tasks - 1 : APD_PLAN_EARLIER;
    apd_synthetic_append(run->decomposition, plan->earlier, rehearsal->classes, plan->density,
                         run->description->method.row->storage, run->description->seed);
    apd_scan scans[2] = {{.earlier = 0}, {.earlier = plan->earlier}};
    apd_rehearsal_scan(rehearsal, scans, plan->earlier > 0 ? 2 : 1, ROUNDS, 0.5 * budget);
    plan->first = plan->later = scans[0].step;
    plan->measured_steps = scans[0].steps + scans[1].steps;
    if (plan->earlier == 0)
        return;
    plan->later = scans[1].step;
    double edge = measure_edge(plan, run, rehearsal);
    plan->time.edge_slope = fmax(edge - plan->time.edge, 0.0) / plan->earlier;
}

/* Time one evaluation of the first task; theta does not matter. Collective. */
static apd_status measure_evaluation(apd_plan *plan, apd_run *run, const apd_rehearsal *rehearsal,
                                     apd_error *error) {
    double started = apd_seconds(), accuracy = 0.0;
    APD_TRY(apd_evaluate_part(run, rehearsal->id, run->stream->measured,
                              apd_train_set_normalisation(rehearsal->set), &accuracy, error));
    plan->time.evaluation = apd_team_slowest(run->team, apd_seconds() - started);
    return APD_OK;
}

/* Time a pass for the Fisher information over two batches, and scale it up to the images of a task. Collective. */
static void measure_fisher(apd_plan *plan, apd_run *run, const apd_rehearsal *rehearsal) {
    if (!run->description->method.row->fisher)
        return;
    int64_t most = run->description->method.ewc_images,
            all = count_images(run, rehearsal->id, APD_PART_TRAIN),
            few = 2 * run->description->training.batch;
    all = most > 0 && most < all ? most : all;
    few = few < all ? few : all;
    double started = apd_seconds();
    apd_fisher_pass(run, rehearsal->set, rehearsal->classes, few);
    plan->time.edge += apd_team_slowest(run->team, apd_seconds() - started) * (double)all / (double)few;
}

/* --- estimating ------------------------------------------------------------------------------------------ */

static void estimate_time(apd_plan *plan) {
    const apd_description *described = plan->run->description;
    const apd_layout *layout = apd_network_layout(plan->run->network);
    apd_time_facts *facts = &plan->time;
    facts->tasks = plan->run->stream->task_count;
    facts->steps = plan->steps;
    plan->first_then = apd_step_in(&plan->first, layout, &plan->present, &plan->launch);
    plan->later_then = apd_step_in(&plan->later, layout, &plan->present, &plan->launch);
    double first = apd_step_seconds(&plan->first_then), later = apd_step_seconds(&plan->later_then);
    const apd_method *method = described->method.row;
    facts->step = method->slows ? first : later;
    facts->step_slope = method->slows && plan->earlier > 0 ? fmax(later - first, 0.0) / plan->earlier : 0.0;
    facts->evaluations = count_evaluations(described, facts->tasks);
    const bool alone = !method->follows; /* earlier tasks never change */
    const double task_seconds = (double)plan->disk.task / plan->write_rate;
    facts->commit_every = described->checkpoint.tasks;
    facts->commit =
        (double)plan->disk.sigma / plan->write_rate + (alone ? facts->commit_every : 1) * task_seconds;
    facts->commit_slope = alone ? 0.0 : task_seconds;
    plan->duration = apd_estimate_duration(facts);
    if (method->rehearses) { /* with a task the images of all before are read */
        double more = 0.5 * (facts->tasks - 1) * plan->duration.loads;
        plan->duration.loads += more;
        plan->duration.all += more;
    }
    double validations = described->training.keep_best * described->data.validation;
    plan->duration.evaluations += facts->tasks * validations * facts->evaluation;
    plan->duration.all += facts->tasks * validations * facts->evaluation;
}

/* The share of tasks with a dense tau: all but the last of those that train sigma. */
static double dense_share(const apd_plan *plan) {
    const apd_description *described = plan->run->description;
    const int tasks = plan->run->stream->task_count;
    const int sigma_tasks = described->method.row->trains_sigma_first ? described->method.sigma_tasks : 1;
    return (double)((sigma_tasks < tasks ? sigma_tasks : tasks) - 1) / tasks;
}

static void estimate(apd_plan *plan) {
    const apd_run *run = plan->run;
    const apd_description *described = run->description;
    int tasks = run->stream->task_count, every = described->method.consolidate_every,
        first = run->stream->order[0];
    const double whole = dense_share(plan);
    for (int f = 0; f < apd_dataset_files(run->dataset); f++) {
        struct stat info;
        if (stat(apd_dataset_file(run->dataset, f)->path, &info) == 0)
            plan->data_bytes += (int64_t)info.st_size;
    }
    apd_memory_facts facts = {
        .layout = apd_network_layout(run->network),
        .batch = described->training.batch,
        .tasks = tasks,
        .classes = run->stream->max_classes,
        .clusters = every > 0 && described->method.row->clusters
                        ? described->method.clusters_added * (tasks / every)
                        : 0,
        .density = whole + (1.0 - whole) * plan->density,
        .method = described->method.row,
        .keeps_best = described->training.keep_best > 0,
        .task_bytes = count_images(run, first, APD_PART_TRAIN) * run->dataset->image_bytes,
        .test_bytes = count_images(run, first, run->stream->measured) * run->dataset->image_bytes,
        .present = plan->present,
        .peak_bytes = plan->present_peak,
        .solver_bytes = plan->solver_bytes,
        .resting_bytes = plan->resting_bytes};
    apd_disk_facts on_disk = {
        .layout = facts.layout,
        .tasks = tasks,
        .classes = facts.classes,
        .density = plan->density,
        .coded = facts.method->codes && described->method.storage == APD_STORE_CODED,
        .whole = whole,
        .tau_bits = described->method.tau_bits,
        .sigma_bits = described->method.row->trains_sigma_first ? described->method.sigma_bits : 16,
        .method = facts.method,
        .state_bytes = plan->state_bytes};
    plan->memory = apd_estimate_memory(&facts, &plan->launch);
    plan->disk = apd_estimate_disk(&on_disk);
    plan->write_rate = write_rate;
    count_steps(plan);
    estimate_time(plan);
}

apd_status apd_plan_measure(apd_plan *plan, apd_run *run, double budget, apd_error *error) {
    apd_rehearsal rehearsal = {0};
    plan->run = run;
    APD_TRY(choose_shards(plan, run->description, error));
    APD_TRY(apd_run_prepare(run, plan->present.shards, error));
    apd_status status = apd_rehearsal_init(&rehearsal, run, error);
    if (status == APD_OK) {
        plan->time.load = rehearsal.load_seconds;
        measure_tasks(plan, run, &rehearsal, budget);
        measure_fisher(plan, run, &rehearsal);
        status = measure_evaluation(plan, run, &rehearsal, error);
    }
    if (status == APD_OK)
        estimate(plan);
    apd_rehearsal_clear(&rehearsal);
    return status;
}

/* --- the command ----------------------------------------------------------------------------------------- */

static apd_status write_script(const apd_plan *plan, const char *script, apd_error *error) {
    char program[PATH_MAX];
    apd_process_program(program, sizeof program);
    char *folder = getcwd(NULL, 0);
    FILE *file = folder != NULL ? fopen(script, "w") : NULL;
    bool bad = file == NULL;
    if (!bad) {
        apd_plan_write_script(plan, program, folder, file);
        bad = ferror(file) != 0;
        bad = fclose(file) != 0 || bad;
    }
    free(folder);
    if (bad)
        return apd_fail(error, APD_ERROR_IO, "%s: cannot be written: %s", script, strerror(errno));
    return APD_OK;
}

static apd_status plan_run(apd_run *run, const plan_options *options, const char *path, apd_error *error) {
    int ranks = apd_team_size(run->team);
    apd_plan plan = {.path = path,
                     .settings = options->settings.values,
                     .setting_count = options->settings.count,
                     .present = {.ranks = ranks, .ranks_a_node = ranks}};
    double budget = 0.0;
    APD_TRY(read_options(options, &plan, &budget, error));
    APD_TRY(apd_run_describe(run, path, NULL, options->settings.values, options->settings.count, error));
    APD_TRY(apd_plan_measure(&plan, run, budget, error));
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) {
        if (options->script != NULL)
            status = write_script(&plan, options->script, error);
        if (options->json)
            apd_plan_print_json(&plan, options->script, stdout);
        else
            apd_plan_print(&plan, stdout);
        if (options->script != NULL && status == APD_OK && !options->json)
            (void)printf("           or: sbatch %s\n", options->script);
    }
    return apd_team_agree(run->team, status, error);
}

static apd_status run_plan(const void *options, int count, const char *const *arguments, apd_error *error) {
    (void)count;
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = plan_run(&run, options, arguments[0], error);
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_plan = {
    .name = "plan",
    .arguments = "RUN.yaml",
    .summary = "what a run will need: memory, disk, steps, hours, a job for Slurm",
    .details =
        "Prints the number of steps, memory per rank, disk, hours, and the sbatch line that asks for them.\n"
        "Trains nothing and makes no folder: measures some steps of the run's network and data in memory, "
        "on\n"
        "the ranks that plan is started on, with no earlier task and with up to eight synthetic ones. The\n"
        "plan is for --nodes with --ranks-a-node ranks each, by default the present ones; where shards is\n"
        "auto, one shard per rank is assumed. Other assumptions are printed.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_plan,
};
