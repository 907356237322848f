/* The plan as text and as JSON: what the run will need, what was measured, what is assumed. */
#include "plan/plan.h"

#include "base/counted.h"
#include "base/text.h"
#include "io/system/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double megabytes(int64_t bytes) {
    return (double)bytes / 1e6;
}

/* 95 s, 12 min, 3.4 h */
static const char *time_text(double seconds, char *text, size_t room) {
    if (seconds < 120.0)
        (void)snprintf(text, room, "%.3g s", seconds);
    else if (seconds < 7200.0)
        (void)snprintf(text, room, "%.0f min", seconds / 60.0);
    else
        (void)snprintf(text, room, "%.1f h", seconds / 3600.0);
    return text;
}

static void print_head(const apd_plan *plan, FILE *file) {
    const apd_run *run = plan->run;
    const apd_description *described = run->description;
    (void)fprintf(file, "%s: %s, %s with %.2f M decomposed weights, %s on %s (%s)\n\n", described->name,
                  apd_count(run->stream->task_count, "task").text, described->network.preset,
                  (double)apd_network_layout(run->network)->decomposed / 1e6,
                  apd_count(plan->launch.shards, "shard").text, apd_count(plan->launch.ranks, "rank").text,
                  apd_count(plan->nodes, "node").text);
    (void)fprintf(file, "method     %s, which reads of section method: %s\n", described->method.row->name,
                  *described->method.row->keys != '\0' ? described->method.row->keys : "nothing");
    (void)fprintf(file, "steps      %" PRId64 " in all: ", plan->steps);
    if (plan->least_steps == plan->most_steps)
        (void)fprintf(file, "%" PRId64 " a task", plan->most_steps);
    else
        (void)fprintf(file, "%" PRId64 " to %" PRId64 " a task", plan->least_steps, plan->most_steps);
    (void)fprintf(file, " in %s, batch %d\n", apd_count(described->training.epochs, "epoch").text,
                  described->training.batch);
}

static const struct {
    const char *key, *what;
    size_t offset;
} memory_rows[] = {
    {"program", "program, libraries, activations", offsetof(apd_memory, program)},
    {"exchange", "theta and the shards' gradients", offsetof(apd_memory, exchange)},
    {"training", "sigma and the task in training", offsetof(apd_memory, training)},
    {"images", "the images that it trains on", offsetof(apd_memory, images)},
    {"tasks", "finished tasks", offsetof(apd_memory, tasks)},
    {"retrained", "the solver's copies of them", offsetof(apd_memory, retrained)},
    {"fisher", "squared gradients at the end of a task", offsetof(apd_memory, fisher)},
    {"ending", "end of a task: test images, commit", offsetof(apd_memory, ending)},
    {"gram", "Gram matrices of a consolidation", offsetof(apd_memory, gram)},
    {"slack", "slack of the allocator", offsetof(apd_memory, slack)},
};
enum { MEMORY_ROWS = sizeof memory_rows / sizeof memory_rows[0] };

static int64_t memory_of(const apd_plan *plan, int row) {
    int64_t bytes;
    memcpy(&bytes, (const char *)&plan->memory + memory_rows[row].offset, sizeof bytes);
    return bytes;
}

static void print_memory(const apd_plan *plan, FILE *file) {
    (void)fprintf(file, "memory     %.0f MB a rank at most, from these parts, not all at one time\n",
                  megabytes(plan->memory.peak));
    for (int i = 0; i < MEMORY_ROWS; i++)
        (void)fprintf(file, "           %10.1f MB  %s\n", megabytes(memory_of(plan, i)), memory_rows[i].what);
}

static void print_disk(const apd_plan *plan, FILE *file) {
    const apd_disk *disk = &plan->disk;
    (void)fprintf(
        file,
        "disk       %.1f MB at the end (two commits), up to %.1f MB while a third is written\n"
        "           data file %.1f MB; in a commit: sigma %.1f MB, a finished task %.2f MB, a task in "
        "training %.1f MB\n",
        megabytes(disk->kept), megabytes(disk->most), megabytes(plan->data_bytes), megabytes(disk->sigma),
        megabytes(disk->task), megabytes(disk->mid_task));
}

static void print_time(const apd_plan *plan, FILE *file) {
    const apd_duration *d = &plan->duration;
    char all[32], part[5][32];
    (void)fprintf(
        file,
        "time       %.3g hours (%s): steps %s, begin and end of tasks %s, data %s, evaluation %s, commits "
        "%s\n",
        d->all / 3600.0, time_text(d->all, all, sizeof all), time_text(d->steps, part[0], sizeof part[0]),
        time_text(d->edges, part[1], sizeof part[1]), time_text(d->loads, part[2], sizeof part[2]),
        time_text(d->evaluations, part[3], sizeof part[3]), time_text(d->commits, part[4], sizeof part[4]));
}

static void print_step(const apd_step_time *step, int earlier, FILE *file) {
    (void)fprintf(file, "           %8.3f ms a step with %s:", 1e3 * apd_step_seconds(step),
                  apd_count(earlier, "earlier task").text);
    for (int phase = 0; phase < APD_PHASES; phase++)
        (void)fprintf(file, "%s %s %.3f", phase > 0 ? "," : "", apd_phase_names[phase],
                      1e3 * step->phases[phase]);
    (void)fputc('\n', file);
}

static void print_measured(const apd_plan *plan, FILE *file) {
    (void)fprintf(file, "\nmeasured   on %s, in %s of the first task; %.0f MB resident then\n",
                  apd_count(plan->present.ranks, "rank").text, apd_count(plan->measured_steps, "step").text,
                  megabytes(plan->present_peak));
    print_step(&plan->first, 0, file);
    if (plan->earlier > 0)
        print_step(&plan->later, plan->earlier, file);
    (void)fprintf(file,
                  "           %8.3f s to begin and end a task, %.3f s to read one, %.3f s to evaluate one\n",
                  plan->time.edge, plan->time.load, plan->time.evaluation);
}

static void print_growth(const apd_plan *plan, FILE *file) {
    const apd_method *method = plan->run->description->method.row;
    if (plan->earlier == 0)
        (void)fputs("           - a step costs the same in every task\n", file);
    else if (!method->slows)
        (void)fprintf(file,
                      "           - a step costs the same after any number of tasks, as "
                      "measured with %d\n",
                      plan->earlier);
    else
        (void)fprintf(file, "           - a step costs %.3f ms more with every earlier task\n",
                      1e3 * plan->time.step_slope);
    if (plan->earlier > 0)
        (void)fprintf(file,
                      "           - begin and end of a task cost %.3f ms more with every earlier task\n",
                      1e3 * plan->time.edge_slope);
}

static void print_assumptions(const apd_plan *plan, FILE *file) {
    const apd_description *described = plan->run->description;
    (void)fputs("assumed\n", file);
    print_growth(plan, file);
    if (described->method.row->storage == APD_STORAGE_DECOMPOSED)
        (void)fprintf(
            file,
            "           - at the end each task's tau is not zero at %.3g %% of the weights (--density)\n",
            100.0 * plan->density);
    if (described->method.row->trains_sigma_first && described->method.sigma_tasks > 1)
        (void)fputs("           - all but the last of method.sigma_tasks tasks have a dense tau, since sigma "
                    "moves on after them\n",
                    file);
    (void)fprintf(file, "           - %s, each as long as the first task's\n",
                  apd_count(plan->time.evaluations, "evaluation").text);
    char interval[32];
    (void)snprintf(interval, sizeof interval,
                   described->checkpoint.tasks == 1 ? "after every task" : "after every %d tasks",
                   described->checkpoint.tasks);
    (void)fprintf(file, "           - a commit, %s, writes sigma and %s, at %.0f MB/s\n", interval,
                  described->method.row->follows     ? "all tasks, since all change a little"
                  : described->checkpoint.tasks == 1 ? "the task"
                                                     : "the new tasks",
                  plan->write_rate / 1e6);
    if (described->method.row->clusters && described->method.consolidate_every > 0)
        (void)fputs("           - consolidations take no time (apd bench --consolidation measures them)\n",
                    file);
    if (plan->launch.ranks != plan->present.ranks || plan->nodes > 1)
        (void)fprintf(file,
                      "           - on %s a pass takes as long for each image, and the solver for each "
                      "weight, as here;\n"
                      "             messages between nodes take no time\n",
                      apd_count(plan->launch.ranks, "rank").text);
}

/* How many jobs of the longest length the estimate plus a quarter takes. */
static int64_t jobs_of(const apd_plan *plan) {
    return (int64_t)ceil(1.25 * plan->duration.all / plan->longest);
}

void apd_plan_print(const apd_plan *plan, FILE *file) {
    print_head(plan, file);
    print_memory(plan, file);
    print_disk(plan, file);
    print_time(plan, file);
    print_measured(plan, file);
    print_assumptions(plan, file);
    (void)fprintf(file, "\nSlurm      the estimate plus a quarter%s\n           ",
                  jobs_of(plan) > 1 ? ", at most --longest; the job requeues itself" : "");
    apd_plan_write_command(plan, file);
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

static void put_run(const apd_plan *plan, apd_json *json) {
    const apd_run *run = plan->run;
    apd_json_text(json, "run", run->description->name);
    apd_json_text(json, "method", run->description->method.row->name);
    apd_json_text(json, "preset", run->description->network.preset);
    apd_json_integer(json, "decomposed_weights", apd_network_layout(run->network)->decomposed);
    apd_json_integer(json, "tasks", run->stream->task_count);
    apd_json_integer(json, "epochs", run->description->training.epochs);
    apd_json_integer(json, "batch", run->description->training.batch);
    apd_json_integer(json, "shards", plan->launch.shards);
    apd_json_integer(json, "ranks", plan->launch.ranks);
    apd_json_integer(json, "nodes", plan->nodes);
    apd_json_integer(json, "steps", plan->steps);
    apd_json_integer(json, "least_steps", plan->least_steps);
    apd_json_integer(json, "most_steps", plan->most_steps);
}

static void put_memory(const apd_plan *plan, apd_json *json) {
    apd_json_begin_object(json, "memory_bytes_a_rank");
    apd_json_integer(json, "peak", plan->memory.peak);
    for (int i = 0; i < MEMORY_ROWS; i++)
        apd_json_integer(json, memory_rows[i].key, memory_of(plan, i));
    apd_json_end(json);
}

static void put_disk(const apd_plan *plan, apd_json *json) {
    apd_json_begin_object(json, "disk_bytes");
    apd_json_integer(json, "kept", plan->disk.kept);
    apd_json_integer(json, "most", plan->disk.most);
    apd_json_integer(json, "data_file", plan->data_bytes);
    apd_json_integer(json, "sigma", plan->disk.sigma);
    apd_json_integer(json, "task", plan->disk.task);
    apd_json_integer(json, "mid_task", plan->disk.mid_task);
    apd_json_end(json);
}

static void put_time(const apd_plan *plan, apd_json *json) {
    apd_json_begin_object(json, "seconds");
    apd_json_number(json, "all", plan->duration.all);
    apd_json_number(json, "steps", plan->duration.steps);
    apd_json_number(json, "edges", plan->duration.edges);
    apd_json_number(json, "loads", plan->duration.loads);
    apd_json_number(json, "evaluations", plan->duration.evaluations);
    apd_json_number(json, "commits", plan->duration.commits);
    apd_json_end(json);
}

static void put_step(const apd_step_time *step, int earlier, apd_json *json) {
    apd_json_begin_object(json, NULL);
    apd_json_integer(json, "earlier_tasks", earlier);
    apd_json_number(json, "step", apd_step_seconds(step));
    for (int phase = 0; phase < APD_PHASES; phase++)
        apd_json_number(json, apd_phase_names[phase], step->phases[phase]);
    apd_json_end(json);
}

static void put_measured(const apd_plan *plan, apd_json *json) {
    apd_json_begin_object(json, "measured");
    apd_json_integer(json, "ranks", plan->present.ranks);
    apd_json_integer(json, "steps", plan->measured_steps);
    apd_json_integer(json, "resident_bytes", plan->present_peak);
    apd_json_begin_array(json, "step_seconds");
    put_step(&plan->first, 0, json);
    if (plan->earlier > 0)
        put_step(&plan->later, plan->earlier, json);
    apd_json_end(json);
    apd_json_number(json, "edge_seconds", plan->time.edge);
    apd_json_number(json, "load_seconds", plan->time.load);
    apd_json_number(json, "evaluation_seconds", plan->time.evaluation);
    apd_json_end(json);
    apd_json_begin_object(json, "assumed");
    apd_json_number(json, "density", plan->density);
    apd_json_number(json, "step_seconds_more_a_task", plan->time.step_slope);
    apd_json_number(json, "edge_seconds_more_a_task", plan->time.edge_slope);
    apd_json_integer(json, "evaluations", plan->time.evaluations);
    apd_json_number(json, "commit_bytes_a_second", plan->write_rate);
    apd_json_end(json);
}

static void put_slurm(const apd_plan *plan, const char *script, apd_json *json) {
    apd_text text;
    apd_text_begin(&text, "a command");
    apd_plan_write_command(plan, text.file);
    char *command = apd_text_end(&text);
    command[strcspn(command, "\n")] = '\0';
    apd_json_begin_object(json, "slurm");
    apd_json_integer(json, "ranks_a_node", plan->ranks_a_node);
    apd_json_integer(json, "megabytes_a_rank", apd_plan_megabytes(plan));
    apd_json_integer(json, "limit_seconds", apd_plan_limit(plan));
    apd_json_integer(json, "jobs", jobs_of(plan));
    apd_json_text(json, "command", command);
    if (script != NULL)
        apd_json_text(json, "script", script);
    apd_json_end(json);
    free(command);
}

void apd_plan_print_json(const apd_plan *plan, const char *script, FILE *file) {
    apd_json json = {.file = file};
    apd_json_begin_object(&json, NULL);
    put_run(plan, &json);
    put_memory(plan, &json);
    put_disk(plan, &json);
    put_time(plan, &json);
    put_measured(plan, &json);
    put_slurm(plan, script, &json);
    apd_json_end(&json);
}
