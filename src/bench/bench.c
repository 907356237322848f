/* apd bench: what a step costs, where its time goes, and what to expect of more ranks. */
#include "bench/bench.h"

#include "base/blas.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/system/durable.h"
#include "io/system/memory_limit.h"
#include "plan/synthetic.h"
#include "tables/scaling_files.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct bench_options {
    apd_cli_list settings;
    const char *presets, *tasks, *seconds, *repeat, *density, *ranks_a_node, *json, *tables;
    bool weak, scaling, consolidation, commits;
} bench_options;

static const bench_options defaults = {.presets = "lenet,lenet-large,mlp,mlp-1024",
                                       .tasks = "0,10,100,1000",
                                       .seconds = "2",
                                       .repeat = "5",
                                       .density = "0.015",
                                       .ranks_a_node = "64"};

#define HOLDS(member) APD_CLI_HOLDS(bench_options, member)
#define SETS(member)  APD_CLI_SETS(bench_options, member)
static const apd_cli_option table[] = {
    {.name = "preset",
     .argument = "LIST",
     .help = "networks: lenet, lenet-large, mlp, mlp-1024 (default: all four)",
     HOLDS(presets)},
    {.name = "tasks",
     .argument = "LIST",
     .help = "numbers of earlier tasks to measure (default 0,10,100,1000)",
     HOLDS(tasks)},
    {.name = "density",
     .argument = "SHARE",
     .help = "the share of weights at which an earlier task's tau is not zero (default 0.015)",
     HOLDS(density)},
    {.name = "seconds",
     .argument = "N",
     .help = "of steps for each number of tasks (default 2)",
     HOLDS(seconds)},
    {.name = "repeat",
     .argument = "N",
     .help = "rounds of interleaved measurements (default 5)",
     HOLDS(repeat)},
    {.name = "weak", .help = "training.batch images for each rank, not in all", SETS(weak)},
    {.name = "scaling",
     .help = "also measure steps on 1, 2, 4, ... of the ranks while the others rest, strong and weak",
     SETS(scaling)},
    {.name = "consolidation", .help = "also consolidate the earlier tasks", SETS(consolidation)},
    {.name = "commits", .help = "also commit them, in the folder TMPDIR or /tmp", SETS(commits)},
    {.name = "ranks-a-node",
     .argument = "N",
     .help = "for the predictions (default 64)",
     HOLDS(ranks_a_node)},
    {.name = "json", .argument = "FILE", .help = "also write all figures as JSON", HOLDS(json)},
    {.name = "tables",
     .argument = "FOLDER",
     .help = "also write scaling.csv, .md, .tex and .jsonl, and roofline.csv there",
     HOLDS(tables)},
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "a key of the run description, as in apd train; may be repeated",
     APD_CLI_COLLECTS(bench_options, settings)},
    {0},
};

typedef struct bench_choice {
    const bench_options *options;
    const apd_bench_preset *presets[16];
    int preset_count;
    int tasks[APD_MOST_SCANS]; /* ascending */
    int task_count;
    int rounds, ranks_a_node;
    double seconds, density;
} bench_choice;

/* --- options --------------------------------------------------------------------------------------------- */

/* The next item of a list with commas; false at its end. */
static bool next_item(const char **list, char *item, size_t room) {
    size_t length = strcspn(*list, ",");
    if (**list == '\0')
        return false;
    (void)snprintf(item, room, "%.*s", (int)length, *list);
    *list += length + ((*list)[length] == ',');
    return true;
}

static apd_status read_presets(bench_choice *choice, apd_error *error) {
    char item[64];
    for (const char *list = choice->options->presets; next_item(&list, item, sizeof item);) {
        const apd_bench_preset *found = apd_bench_find_preset(item);
        if (found == NULL)
            return apd_fail(error, APD_ERROR_USAGE,
                            "--preset has \"%s\"; lenet, lenet-large, mlp and mlp-1024 are known", item);
        if (choice->preset_count == (int)(sizeof choice->presets / sizeof choice->presets[0]))
            return apd_fail(error, APD_ERROR_USAGE, "--preset is too long a list");
        choice->presets[choice->preset_count++] = found;
    }
    return choice->preset_count > 0 ? APD_OK : apd_fail(error, APD_ERROR_USAGE, "--preset is an empty list");
}

static apd_status read_tasks(bench_choice *choice, apd_error *error) {
    const char *tasks = choice->options->tasks;
    char item[64];
    for (const char *list = tasks; next_item(&list, item, sizeof item);) {
        long value = 0;
        APD_TRY(apd_cli_integer("tasks", item, 0, 100000, &value, error));
        if (choice->task_count > 0 && value <= choice->tasks[choice->task_count - 1])
            return apd_fail(error, APD_ERROR_USAGE, "--tasks is %s; ascending numbers are needed", tasks);
        if (choice->task_count == APD_MOST_SCANS)
            return apd_fail(error, APD_ERROR_USAGE, "--tasks has more than %d numbers", APD_MOST_SCANS);
        choice->tasks[choice->task_count++] = (int)value;
    }
    return choice->task_count > 0 ? APD_OK : apd_fail(error, APD_ERROR_USAGE, "--tasks is an empty list");
}

static apd_status read_options(bench_choice *choice, apd_error *error) {
    const bench_options *options = choice->options;
    long rounds = 0, node = 0;
    APD_TRY(read_presets(choice, error));
    APD_TRY(read_tasks(choice, error));
    APD_TRY(apd_cli_integer("repeat", options->repeat, 1, 1000, &rounds, error));
    APD_TRY(apd_cli_integer("ranks-a-node", options->ranks_a_node, 1, 65536, &node, error));
    APD_TRY(apd_cli_number("seconds", options->seconds, 0.01, 3600.0, &choice->seconds, error));
    APD_TRY(apd_cli_number("density", options->density, 0.0, 1.0, &choice->density, error));
    choice->rounds = (int)rounds;
    choice->ranks_a_node = (int)node;
    return APD_OK;
}

/* --- a preset -------------------------------------------------------------------------------------------- */

/* Bytes of a rank for so many earlier tasks, and those that are free for it. */
static double bytes_of_tasks(const apd_bench_result *result, const apd_run *run, int count) {
    apd_memory_facts facts = {.layout = result->layout,
                              .tasks = count + 1,
                              .classes = result->classes,
                              .density = result->density,
                              .method = run->description->method.row,
                              .present = result->launch};
    apd_memory memory = apd_estimate_memory(&facts, &result->launch);
    return (double)(memory.tasks + memory.retrained);
}

static double free_bytes(const apd_run *run) {
    double bytes = (double)apd_room();
    bytes /= ceil((double)apd_team_size(run->team) / apd_team_nodes(run->team));
    apd_team_broadcast(run->team, &bytes, (int64_t)sizeof bytes);
    return bytes;
}

/* As many of the wanted numbers of tasks as memory has room for, and their steps. Collective. */
static void measure_tasks(apd_bench_result *result, apd_rehearsal *rehearsal, const bench_choice *choice) {
    apd_run *run = rehearsal->run;
    apd_scan scans[APD_MOST_SCANS] = {{0}};
    double available = 0.5 * free_bytes(run);
    int count = 0, most = 0;
    for (int i = 0; i < choice->task_count; i++) {
        apd_bench_tasks *row = &result->tasks[i];
        *row = (apd_bench_tasks){.scan = {.earlier = choice->tasks[i]},
                                 .wants_bytes = bytes_of_tasks(result, run, choice->tasks[i])};
        row->skipped = row->wants_bytes > available;
        if (row->skipped)
            continue;
        scans[count++] = row->scan;
        most = choice->tasks[i];
    }
    result->task_count = choice->task_count;
    apd_synthetic_append(run->decomposition, most, result->classes, choice->density,
                         run->description->method.row->storage, run->description->seed);
    apd_rehearsal_scan(rehearsal, scans, count, choice->rounds, choice->seconds);
    for (int i = 0; i < count; i++) /* those that are skipped come last */
        result->tasks[i].scan = scans[i];
}

static apd_status measure(apd_run *run, const apd_bench_preset *chosen, const bench_choice *choice,
                          const apd_machine *machine, apd_bench_result *result, apd_error *error) {
    apd_rehearsal rehearsal = {0};
    apd_status status = APD_OK;
    int times = choice->options->weak ? apd_team_size(run->team) : 1;
    APD_TRY(apd_bench_describe(run, chosen, &choice->options->settings, times, error));
    APD_GO(apd_run_prepare(run, run->description->shards, error));
    APD_GO(apd_rehearsal_init(&rehearsal, run, error));
    int ranks = apd_team_size(run->team), nodes = apd_team_nodes(run->team);
    *result = (apd_bench_result){.preset = chosen->name,
                                 .shape = chosen->shape,
                                 .classes = chosen->classes,
                                 .batch = run->description->training.batch,
                                 .launch = {.ranks = ranks,
                                            .ranks_a_node = (ranks + nodes - 1) / nodes,
                                            .shards = run->partition.shards},
                                 .layout = apd_network_layout(run->network),
                                 .density = choice->density,
                                 .method = run->description->method.row->name,
                                 .predicted_a_node = choice->ranks_a_node};
    result->digest = apd_rehearsal_digest(&rehearsal, APD_DIGEST_STEPS);
    APD_GO(apd_kernels_measure(&rehearsal, 2 * choice->rounds + 1, &result->kernels, error));
    measure_tasks(result, &rehearsal, choice);
    apd_bench_fit(result, machine);
    APD_GO(apd_bench_tasks_measure(run, result, choice->options->commits, choice->options->consolidation,
                                   error));
out:
    apd_rehearsal_clear(&rehearsal);
    apd_bench_remove_data(run);
    return status;
}

/* What is written at the end, on rank 0. */
typedef struct bench_files {
    apd_json json;
    apd_scaling scaling;
    apd_text roofline; /* of roofline.csv */
} bench_files;

static apd_status measure_ranks(const apd_team *team, const apd_bench_preset *chosen,
                                const bench_choice *choice, apd_bench_scaling *scaling, apd_error *error) {
    apd_bench_turns turns = {choice->rounds, choice->seconds};
    if (!choice->options->scaling)
        return APD_OK;
    return apd_bench_scaling_measure(team, chosen, &choice->options->settings, &turns, scaling, error);
}

static apd_status bench_preset(const apd_bench_preset *chosen, const bench_choice *choice,
                               const apd_machine *machine, bench_files *files, apd_error *error) {
    apd_run run;
    apd_bench_result *result = apd_allocate(1, sizeof *result, "the results");
    apd_bench_scaling scaling = {0};
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = measure_ranks(run.team, chosen, choice, &scaling, error);
    if (status == APD_OK)
        status = measure(&run, chosen, choice, machine, result, error);
    result->scaling = scaling;
    if (status == APD_OK && apd_run_speaks(&run)) {
        apd_bench_print(result, machine, stdout);
        (void)fflush(stdout);
        if (files->json.file != NULL)
            apd_bench_write(result, machine, &files->json);
        apd_bench_series(result, &files->scaling);
        apd_bench_roofline(result, machine, files->roofline.file);
    }
    apd_run_end(&run);
    apd_bench_scaling_clear(&result->scaling);
    free(result);
    return status;
}

/* --- the command ----------------------------------------------------------------------------------------- */

static apd_status open_json(const apd_team *team, const char *path, apd_json *json, apd_error *error) {
    apd_status status = APD_OK;
    if (path != NULL && apd_team_rank(team) == 0) {
        json->file = fopen(path, "w");
        if (json->file == NULL)
            status = apd_fail(error, APD_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    return apd_team_agree(team, status, error);
}

static apd_status close_json(const apd_json *json, const char *path, apd_status status, apd_error *error) {
    if (json->file == NULL)
        return status;
    bool bad = ferror(json->file) != 0;
    bad = fclose(json->file) != 0 || bad;
    if (status != APD_OK)
        (void)unlink(path); /* rather no file than half of one */
    else if (bad)
        status = apd_fail(error, APD_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

/* The tables' files. Rank 0. */
static apd_status write_tables(const char *folder, const bench_files *files, apd_error *error) {
    APD_TRY(apd_make_folder(folder, error));
    APD_TRY(apd_scaling_write(folder, &files->scaling, error));
    return apd_write_file(folder, "roofline.csv", files->roofline.text, (int64_t)files->roofline.size, error);
}

static apd_status bench(const apd_team *team, const bench_choice *choice, bench_files *files,
                        apd_error *error) {
    apd_json *json = &files->json;
    apd_blas_set_threads(1);
    apd_machine machine = apd_machine_measure(team, 2 * choice->rounds + 1);
    char *hosts = apd_team_hosts(team);
    bool speaks = apd_team_rank(team) == 0;
    if (speaks)
        apd_bench_print_machine(&machine, hosts, stdout);
    if (speaks) {
        apd_text_begin(&files->roofline, "roofline.csv");
        apd_bench_begin_roofline(files->roofline.file);
        files->scaling.about = apd_bench_about(&machine, hosts);
    }
    if (json->file != NULL) {
        apd_json_begin_object(json, NULL);
        apd_bench_write_machine(&machine, hosts, json);
        apd_json_begin_array(json, "presets");
    }
    free(hosts);
    apd_status status = APD_OK;
    for (int i = 0; i < choice->preset_count && status == APD_OK; i++)
        status = bench_preset(choice->presets[i], choice, &machine, files, error);
    if (json->file != NULL && status == APD_OK) {
        apd_json_end(json);
        apd_json_end(json);
    }
    if (speaks)
        (void)apd_text_end(&files->roofline);
    if (speaks && status == APD_OK && choice->options->tables != NULL)
        status = write_tables(choice->options->tables, files, error);
    free(files->roofline.text);
    apd_scaling_clear(&files->scaling);
    return apd_team_agree(team, status, error);
}

static apd_status run_bench(const void *given, int count, const char *const *arguments, apd_error *error) {
    const bench_options *options = given;
    (void)count;
    (void)arguments;
    bench_choice choice = {.options = options};
    APD_TRY(read_options(&choice, error));
    bench_files files = {0};
    apd_team *team = apd_team_create(NULL, NULL); /* keeps MPI through several runs */
    apd_status status = open_json(team, options->json, &files.json, error);
    if (status == APD_OK)
        status = bench(team, &choice, &files, error);
    status = close_json(&files.json, options->json, status, error);
    apd_team_destroy(team);
    return status;
}

const apd_command apd_command_bench = {
    .name = "bench",
    .arguments = "",
    .summary = "measure this machine: kernels, steps, earlier tasks, and a model of more ranks",
    .details =
        "Trains networks of known shapes on random images, with the steps of apd train: matrix products and\n"
        "memory, every layer forward and backward, the sum of gradients, the solver's update, and whole "
        "steps\n"
        "after several numbers of earlier tasks; numbers that would not fit in half of the free memory are\n"
        "left out. Figures are medians, or means of the middle half, over rounds that take turns. A model\n"
        "made of them is printed beside the measured step, and its predictions are marked as such.\n"
        "\n"
        "--scaling measures each number of ranks on the first and on the last ranks in turn, with one shard\n"
        "per rank unless shards is set. Efficiency is the share of a perfect speed-up against the mean of "
        "the\n"
        "first rank and the last alone, and against the slower of them, for which a step waits. With equal\n"
        "shards the digests of one batch are equal at every number of ranks.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .parallel = true,
    .run = run_bench,
};
