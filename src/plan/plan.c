/* apd plan: what a run will need, before it runs. */
#include "plan/plan.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/evaluator.h"
#include "plan/synthetic.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apd_cli_list settings;
static const char *nodes = "1", *ranks_a_node = NULL, *density = "0.05", *time_given = "4", *longest = "24",
                  *script = NULL;

static const apd_cli_option options[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "overrides the description; may be repeated",
     .list = &settings},
    {.name = "nodes", .argument = "N", .help = "nodes of the planned job (default 1)", .value = &nodes},
    {.name = "ranks-a-node",
     .argument = "N",
     .help = "ranks on each (default: as many as plan runs on now)",
     .value = &ranks_a_node},
    {.name = "density",
     .argument = "SHARE",
     .help = "of the weights at which a finished task's tau is not zero (default 0.05)",
     .value = &density},
    {.name = "seconds", .argument = "N", .help = "to measure steps for (default 4)", .value = &time_given},
    {.name = "longest",
     .argument = "HOURS",
     .help = "the longest job of the site (default 24); a longer run requeues itself",
     .value = &longest},
    {.name = "script", .argument = "FILE", .help = "write a complete job script for Slurm", .value = &script},
    {0},
};

enum { STEPS_OF_A_TASK = 5, ROUNDS = 4 };
static const double write_rate = 20e6; /* what HDF5 with checksums and packing does, and reading back */

static apd_status read_options(apd_plan *plan, double *budget, apd_error *error) {
    long values[2] = {1, plan->present.ranks};
    double hours = 0.0;
    APD_TRY(apd_cli_integer("nodes", nodes, 1, 65536, &values[0], error));
    if (ranks_a_node != NULL)
        APD_TRY(apd_cli_integer("ranks-a-node", ranks_a_node, 1, 65536, &values[1], error));
    APD_TRY(apd_cli_number("density", density, 0.0, 1.0, &plan->density, error));
    APD_TRY(apd_cli_number("seconds", time_given, 0.1, 3600.0, budget, error));
    APD_TRY(apd_cli_number("longest", longest, 0.2, 10000.0, &hours, error));
    plan->nodes = (int)values[0];
    plan->ranks_a_node = (int)values[1];
    plan->longest = 3600.0 * hours;
    if (values[0] * values[1] > 65536)
        return apd_fail(error, APD_ERROR_USAGE, "%ld nodes of %ld ranks: at most 65536 ranks are possible",
                        values[0], values[1]);
    plan->launch = (apd_launch){.ranks = (int)(values[0] * values[1]), .ranks_a_node = (int)values[1]};
    return APD_OK;
}

/* S is the run's, or as many as the planned job has ranks, so that a shard's batch has its true shape. */
static apd_status choose_shards(apd_plan *plan, const apd_description *described, apd_error *error) {
    int shards = described->shards > 0 ? described->shards : plan->launch.ranks;
    if (shards < plan->launch.ranks)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%d ranks are planned, and the run has %d shards: at most as many ranks can work",
                        plan->launch.ranks, shards);
    if (shards < plan->present.ranks)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%d ranks measure for %d shards: start plan on at most as many", plan->present.ranks,
                        shards);
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

/* Steps of all tasks. Permuted and rotated tasks all have the same images. */
static void count_steps(apd_plan *plan) {
    const apd_run *run = plan->run;
    apd_stream_kind kind = run->description->stream.kind;
    bool alike = kind == APD_STREAM_PERMUTATION || kind == APD_STREAM_ROTATION;
    plan->least_steps = INT64_MAX;
    int64_t steps = 0;
    for (int t = 0; t < run->stream->task_count; t++) {
        if (t == 0 || !alike)
            steps = apd_task_steps(count_images(run, t, APD_PART_TRAIN), run->description->training.batch,
                                   run->description->training.epochs);
        plan->least_steps = steps < plan->least_steps ? steps : plan->least_steps;
        plan->most_steps = steps > plan->most_steps ? steps : plan->most_steps;
        plan->steps += steps;
    }
}

/* How often a task is evaluated: each when it is learned; all finished ones where they may have moved. */
static int64_t count_evaluations(const apd_description *described, int tasks) {
    bool shared = described->method.name == APD_METHOD_APD;
    bool moving =
        shared && (described->method.solver == APD_SOLVER_JOINT || isfinite(described->method.lambda2));
    int64_t count = moving ? (int64_t)tasks * (tasks + 1) / 2 : tasks;
    int every = shared ? described->method.consolidate_every : 0;
    for (int done = every; every > 0 && done <= tasks; done += every)
        count += done;
    return count;
}

/* --- measuring ------------------------------------------------------------------------------------------- */

/* What the solver holds, on the rank with most. Collective. */
static int64_t solver_bytes(const apd_run *run) {
    int64_t bytes = apd_solver_bytes(run->solver);
    apd_team_maximum(run->team, &bytes, 1);
    return bytes;
}

/* What a commit in the middle of the task would hold of the solver, all ranks. Collective. */
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

/* Begin and end of a task with some steps between. It is gone afterwards: hardly trained, it is no typical earlier
 * task. Collective. */
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
    bool single = run->description->method.name == APD_METHOD_STL;
    int tasks = run->stream->task_count;
    plan->time.edge = measure_edge(plan, run, rehearsal);
    plan->present_peak = apd_peak_bytes();
    apd_team_maximum(run->team, &plan->present_peak, 1);
    plan->earlier = single ? 0 : tasks - 1 < APD_PLAN_EARLIER ? tasks - 1 : APD_PLAN_EARLIER;
    apd_synthetic_append(run->decomposition, plan->earlier, rehearsal->classes, plan->density, false,
                         run->description->seed);
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

/* One evaluation of the first task, whatever theta is. Collective. */
static apd_status measure_evaluation(apd_plan *plan, apd_run *run, const apd_rehearsal *rehearsal,
                                     apd_error *error) {
    double started = apd_seconds(), accuracy = 0.0;
    APD_TRY(apd_evaluate_part(run, rehearsal->id, APD_PART_TEST, apd_train_set_normalisation(rehearsal->set),
                              &accuracy, error));
    plan->time.evaluation = apd_slowest(run->team, apd_seconds() - started);
    return APD_OK;
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
    bool joint = described->method.name == APD_METHOD_APD && described->method.solver == APD_SOLVER_JOINT;
    facts->step = joint ? first : later;
    facts->step_slope = joint && plan->earlier > 0 ? fmax(later - first, 0.0) / plan->earlier : 0.0;
    facts->evaluations = count_evaluations(described, facts->tasks);
    const bool alone = described->method.name != APD_METHOD_APD; /* earlier tasks are never written again */
    const double task_seconds = (double)plan->disk.task / plan->write_rate;
    facts->commit_every = described->checkpoint.tasks;
    facts->commit =
        (double)plan->disk.sigma / plan->write_rate + (alone ? facts->commit_every : 1) * task_seconds;
    facts->commit_slope = alone ? 0.0 : task_seconds;
    plan->duration = apd_estimate_duration(facts);
    double validations = described->training.keep_best * described->data.validation;
    plan->duration.evaluations += facts->tasks * validations * facts->evaluation;
    plan->duration.all += facts->tasks * validations * facts->evaluation;
}

static void estimate(apd_plan *plan) {
    const apd_run *run = plan->run;
    const apd_description *described = run->description;
    int tasks = run->stream->task_count, every = described->method.consolidate_every,
        first = run->stream->order[0];
    bool single = described->method.name == APD_METHOD_STL;
    struct stat info;
    if (stat(described->data.file, &info) == 0)
        plan->data_bytes = (int64_t)info.st_size;
    apd_memory_facts facts = {
        .layout = apd_network_layout(run->network),
        .batch = described->training.batch,
        .tasks = tasks,
        .classes = run->stream->max_classes,
        .clusters = every > 0 && !single ? described->method.clusters_added * (tasks / every) : 0,
        .density = plan->density,
        .solver = described->method.solver,
        .single = single,
        .keeps_best = described->training.keep_best > 0,
        .task_bytes = count_images(run, first, APD_PART_TRAIN) * run->dataset->image_bytes,
        .test_bytes = count_images(run, first, APD_PART_TEST) * run->dataset->image_bytes,
        .present = plan->present,
        .peak_bytes = plan->present_peak,
        .solver_bytes = plan->solver_bytes,
        .resting_bytes = plan->resting_bytes};
    apd_disk_facts on_disk = {.layout = facts.layout,
                              .tasks = tasks,
                              .classes = facts.classes,
                              .density = plan->density,
                              .single = single,
                              .joint = !single && described->method.solver == APD_SOLVER_JOINT,
                              .state_bytes = plan->state_bytes};
    plan->memory = apd_estimate_memory(&facts, &plan->launch);
    plan->disk = apd_estimate_disk(&on_disk);
    plan->write_rate = write_rate;
    count_steps(plan);
    estimate_time(plan);
}

/* --- the command ----------------------------------------------------------------------------------------- */

static apd_status write_script(const apd_plan *plan, apd_error *error) {
    char program[PATH_MAX] = "apd";
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 3] = '\0';
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
        return apd_fail(error, APD_ERROR_IO, "cannot write %s: %s", script, strerror(errno));
    (void)printf("           or: sbatch %s\n", script);
    return APD_OK;
}

static apd_status plan_run(apd_run *run, const char *path, apd_error *error) {
    int ranks = apd_team_size(run->team);
    apd_plan plan = {.run = run,
                     .path = path,
                     .settings = settings.values,
                     .setting_count = settings.count,
                     .present = {.ranks = ranks, .ranks_a_node = ranks}};
    double budget = 0.0;
    apd_rehearsal rehearsal = {0};
    APD_TRY(read_options(&plan, &budget, error));
    APD_TRY(apd_run_describe(run, path, NULL, settings.values, settings.count, error));
    APD_TRY(choose_shards(&plan, run->description, error));
    APD_TRY(apd_run_prepare(run, plan.present.shards, error));
    apd_status status = APD_OK;
    APD_GO(apd_rehearsal_init(&rehearsal, run, error));
    plan.time.load = rehearsal.load_seconds;
    measure_tasks(&plan, run, &rehearsal, budget);
    APD_GO(measure_evaluation(&plan, run, &rehearsal, error));
    estimate(&plan);
    if (apd_run_speaks(run)) {
        apd_plan_print(&plan, stdout);
        if (script != NULL)
            status = write_script(&plan, error);
    }
    status = apd_team_agree(run->team, status, error);
out:
    apd_rehearsal_clear(&rehearsal);
    return status;
}

static apd_status run_plan(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = plan_run(&run, arguments[0], error);
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_plan = {
    .name = "plan",
    .arguments = "RUN.yaml",
    .summary = "what a run will need: memory, disk, steps, hours, a job for Slurm",
    .details =
        "Trains nothing and makes no folder. Some steps of the run's network are measured in memory, on the "
        "ranks\nthat plan is started on; the plan is for --nodes of --ranks-a-node ranks, by default these.",
    .options = options,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_plan,
};
