/* apd study: the options, and which way the runs are started. */
#include "study/command.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/requests.h"
#include "engine/startup.h"
#include "io/system/file.h"
#include "io/system/lock.h"
#include "study/array.h"
#include "study/forecast.h"
#include "study/groups.h"
#include "study/launcher.h"
#include "study/screen.h"
#include "tables/tables.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct study_options {
    apd_cli_list vary, settings;
    const char *ranks_a_run, *time_limit, *launcher, *at_once, *slurm, *seconds;
    bool dry_run, fail_fast, retry, submit, gather;
} study_options;

static const study_options defaults = {.at_once = "1", .seconds = "2"};

#define HOLDS(member) APD_CLI_HOLDS(study_options, member)
static const apd_cli_option table[] = {
    {.name = "vary",
     .argument = "KEY=VALUE,...",
     .help = "an axis of the matrix, or another one for this key; may be repeated",
     APD_CLI_COLLECTS(study_options, vary)},
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the base of all runs; may be repeated",
     APD_CLI_COLLECTS(study_options, settings)},
    {.name = "ranks-a-run",
     .argument = "N",
     .help = "ranks of a run, of which as many train at a time as fit (default: all ranks)",
     HOLDS(ranks_a_run)},
    {.name = "dry-run",
     .help = "list the runs, with memory, disk and hours as apd plan measures them; makes nothing",
     APD_CLI_SETS(study_options, dry_run)},
    {.name = "seconds",
     .argument = "N",
     .help = "with --dry-run: how long to measure each kind of run (default 2); 0: only list",
     HOLDS(seconds)},
    {.name = "fail-fast",
     .help = "when a run fails, commit and stop all others",
     APD_CLI_SETS(study_options, fail_fast)},
    {.name = "retry",
     .help = "try failed runs again, and those set apart",
     APD_CLI_SETS(study_options, retry)},
    {.name = "time-limit",
     .argument = "TIME",
     .help = "commit and stop (exit status 75) in time, as apd train does",
     HOLDS(time_limit)},
    {.name = "launcher",
     .argument = "COMMAND",
     .help = "start every run as processes of its own by this command, such as 'mpirun -n 2'",
     HOLDS(launcher)},
    {.name = "at-once",
     .argument = "K",
     .help = "runs at a time with --launcher, array elements at a time with --slurm (default 1)",
     HOLDS(at_once)},
    {.name = "slurm",
     .argument = "DIR",
     .help = "write a Slurm array and a gathering job there, and print how to submit them",
     HOLDS(slurm)},
    {.name = "gather",
     .help = "train nothing: count the runs, name those that failed, write the tables; without mpirun",
     APD_CLI_SETS(study_options, gather)},
    {.name = "submit", .help = "with --slurm: submit both", APD_CLI_SETS(study_options, submit)},
    {0},
};

/* --- the end ----------------------------------------------------------------------------------------------- */

/* "name: first error line" for each run of the kind. */
static void list_kind(const apd_study *study, apd_run_kind kind, int count) {
    if (count == 0)
        return;
    (void)fprintf(stderr, "%s:\n", apd_run_kind_names[kind]);
    for (int r = 0; r < study->run_count; r++) {
        apd_standing standing;
        char *folder = apd_study_run_folder(study, r);
        if (apd_run_look(folder, &standing) == kind)
            (void)fprintf(stderr, "  %s: %s\n", study->runs[r].folder,
                          kind == APD_RUN_APART
                              ? "brought the job down twice; apd study --retry tries it again"
                              : standing.message);
        free(folder);
    }
}

/* One job at a time: elements of an array often end together. */
static apd_status write_tables(const apd_study *study, apd_error *error) {
    enum { TRIES = 60 }; /* of a second each */
    apd_process self;
    apd_lock *lock = NULL;
    apd_process_self(&self);
    apd_status locked = APD_ERROR_LOCKED;
    for (int n = 0; n < TRIES && locked == APD_ERROR_LOCKED; n++)
        locked = apd_lock_open(study->output, &self, 1, false, &lock, error);
    APD_TRY(locked);
    apd_table_run *runs = apd_allocate(study->run_count, sizeof *runs, "the tables' runs");
    const char **values =
        apd_allocate((int64_t)study->run_count * APD_STUDY_KEYS, sizeof *values, "the runs' values");
    for (int r = 0; r < study->run_count; r++) {
        const char **own = &values[(int64_t)r * APD_STUDY_KEYS];
        for (int k = 0; k < study->key_count; k++)
            own[k] = study->runs[r].values[k] != NULL ? study->runs[r].values[k] : "";
        runs[r] = (apd_table_run){.folder = apd_study_run_folder(study, r), .values = own};
    }
    apd_status status =
        apd_tables_write(study->output, runs, study->run_count, study->keys, study->key_count, error);
    for (int r = 0; r < study->run_count; r++)
        free((void *)runs[r].folder);
    free((void *)values);
    free(runs);
    apd_lock_close(lock);
    return status;
}

/* Count the runs, name those that failed, and write the tables. The exit status says what is left. */
static apd_status finish(const apd_study *study, apd_error *error) {
    int counts[APD_RUN_KINDS];
    apd_study_count(study, counts);
    int failed = counts[APD_RUN_FAILED] + counts[APD_RUN_APART], done = counts[APD_RUN_DONE];
    int left = study->run_count - done - failed;
    list_kind(study, APD_RUN_FAILED, counts[APD_RUN_FAILED]);
    list_kind(study, APD_RUN_APART, counts[APD_RUN_APART]);
    (void)fprintf(stderr, "%s: %d of %s done, %d failed, %d to be continued; results in %s\n", study->name,
                  done, apd_count(study->run_count, "run").text, failed, left, study->output);
    if (done > 0)
        APD_TRY(write_tables(study, error));
    return left > 0 ? APD_REQUEUE : failed > 0 ? APD_ERROR_RUNS : APD_OK;
}

/* Before any run: the study's folder, and what of former starts is in the way. */
static apd_status begin(apd_study *study, const study_options *options, int ranks, apd_error *error) {
    APD_TRY(apd_study_settle(study, ranks, true, error));
    char *stop = apd_join_path(study->output, "stop");
    apd_status status = apd_file_delete(stop, error);
    free(stop);
    return status == APD_OK && options->retry ? apd_study_retry(study, error) : status;
}

/* --- groups of ranks --------------------------------------------------------------------------------------- */

static apd_status ranks_a_run(const apd_study *study, const study_options *options, const apd_team *world,
                              int *ranks, apd_error *error) {
    const int named = apd_study_most_ranks(study);
    long value = apd_team_size(world);
    if (named > 0 && options->ranks_a_run != NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--ranks-a-run %s: the runs of %s name their ranks",
                        options->ranks_a_run, study->path);
    if (named > value && !options->dry_run)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: a run is to have %s, and there %s; start more (mpirun -n %d)", study->path,
                        apd_count(named, "rank").text, value == 1 ? "is 1" : "are fewer", named);
    if (options->ranks_a_run != NULL)
        APD_TRY(apd_cli_integer("ranks-a-run", options->ranks_a_run, 1, 65536, &value, error));
    if (apd_team_size(world) % value != 0)
        return apd_fail(error, APD_ERROR_USAGE, "--ranks-a-run %ld: %s cannot be cut into groups of %ld",
                        value, apd_count(apd_team_size(world), "rank").text, value);
    *ranks = (int)value;
    return APD_OK;
}

/* Describe the runs on the first rank of each group, after rank 0 has fixed what they have in common. Collective. */
static apd_status settle(apd_study *study, const study_options *options, const apd_team *world,
                         const apd_team *team, int ranks, apd_error *error) {
    apd_status status = APD_OK;
    bool leads = apd_team_rank(team) == 0, first = apd_team_rank(world) == 0;
    if (first)
        status = options->dry_run ? apd_study_settle(study, ranks, false, error)
                                  : begin(study, options, ranks, error);
    APD_TRY(apd_team_agree(world, status, error));
    if (leads && !first && !options->dry_run)
        status = apd_study_settle(study, ranks, false, error);
    return apd_team_agree(world, status, error);
}

/* Runs that name their ranks train one after the other, in the study's order, on the first ranks while the others rest; those
 * that name none on all ranks. Collective. */
static apd_status train_in_turn(apd_study *study, const study_options *options, const apd_team *world,
                                double limit, apd_error *error) {
    const bool first = apd_team_rank(world) == 0;
    bool *tried = apd_allocate(study->run_count, sizeof *tried, "the tried runs"), stopped = false;
    apd_status status = APD_OK;
    if (first)
        apd_log("%s: %s, one at a time on up to %s, in %s", study->name,
                apd_count(study->run_count, "run").text, apd_count(apd_study_most_ranks(study), "rank").text,
                study->output);
    apd_screen *screen = first ? apd_screen_begin(study) : NULL;
    if (first)
        apd_log_over_screen(screen != NULL);
    while (!stopped && status == APD_OK) {
        int next = first ? apd_study_next(study, 0, true, tried) : -1;
        apd_team_broadcast(world, &next, (int64_t)sizeof next);
        if (next < 0)
            break;
        const int ranks = apd_study_axis(study, &study->runs[next], "ranks");
        apd_team *team = apd_team_split(world, ranks == 0 || apd_team_rank(world) < ranks ? 0 : -1);
        apd_groups groups = {.study = first ? study : NULL,
                             .team = team,
                             .count = 1,
                             .only = next,
                             .limit = limit,
                             .fail_fast = options->fail_fast};
        if (team != NULL) {
            status = apd_groups_train(&groups, &stopped, error);
            apd_team_destroy(team);
        }
        apd_team_rest(world);
        apd_team_broadcast(world, &stopped, (int64_t)sizeof stopped);
        status = apd_team_agree(world, status, error);
    }
    apd_screen_end(screen);
    free(tried);
    return first && status == APD_OK ? finish(study, error) : status;
}

static apd_status train(apd_study *study, const study_options *options, const apd_team *world, apd_team *team,
                        int ranks, double limit, apd_error *error) {
    bool leads = apd_team_rank(team) == 0, first = apd_team_rank(world) == 0, stopped = false;
    apd_groups groups = {.study = leads ? study : NULL,
                         .team = team,
                         .group = apd_team_rank(world) / ranks,
                         .count = apd_team_size(world) / ranks,
                         .only = -1,
                         .limit = limit,
                         .fail_fast = options->fail_fast};
    apd_log_enable(leads);
    if (first)
        apd_log("%s: %s with %s, %s at a time on %s each, in %s", study->name,
                apd_count(study->run_count, "run").text, apd_count(study->shards, "shard").text,
                apd_count(groups.count, "run").text, apd_count(ranks, "rank").text, study->output);
    apd_screen *screen = first ? apd_screen_begin(study) : NULL;
    bool shown = screen != NULL;
    apd_team_broadcast(world, &shown, (int64_t)sizeof shown);
    apd_log_over_screen(shown);
    apd_status status = apd_groups_train(&groups, &stopped, error);
    apd_team_rest(world);
    apd_screen_end(screen);
    status = apd_team_agree(world, status, error);
    apd_log_enable(first);
    return first && status == APD_OK ? finish(study, error) : status;
}

static apd_status study_on_ranks(apd_study *study, const study_options *options, const apd_team *world,
                                 double limit, double seconds, apd_error *error) {
    int ranks = 0;
    APD_TRY(apd_startup_check_request(world, study->path, options->settings.values, options->settings.count,
                                      error));
    APD_TRY(apd_startup_check_request(world, study->path, options->vary.values, options->vary.count, error));
    APD_TRY(ranks_a_run(study, options, world, &ranks, error));
    apd_team *team = apd_team_split(world, apd_team_rank(world) / ranks);
    apd_status status = settle(study, options, world, team, ranks, error);
    if (status == APD_OK && options->dry_run)
        status = apd_forecast(study, world, team, ranks, seconds, error);
    else if (status == APD_OK && apd_study_most_ranks(study) > 0)
        status = train_in_turn(study, options, world, limit, error);
    else if (status == APD_OK)
        status = train(study, options, world, team, ranks, limit, error);
    apd_team_destroy(team);
    return status;
}

/* --- the command ------------------------------------------------------------------------------------------- */

/* What is there, beside jobs that may run. */
static apd_status gather(apd_study *study, apd_error *error) {
    APD_TRY(apd_study_settle(study, 1, false, error));
    return finish(study, error);
}

static apd_status list_runs(apd_study *study, apd_error *error) {
    APD_TRY(apd_study_settle(study, 1, false, error));
    apd_forecast_list(study);
    return APD_OK;
}

static apd_status run_by_launcher(apd_study *study, const study_options *options, double limit,
                                  apd_error *error) {
    long at_once = 1;
    APD_TRY(apd_cli_integer("at-once", options->at_once, 1, 100000, &at_once, error));
    if (apd_startup_copies() > 1 || getenv("OMPI_COMM_WORLD_SIZE") != NULL)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: with a launcher (%s) apd study itself is one process: start it without mpirun or srun",
            study->path, study->launcher);
    if ((apd_study_most_ranks(study) > 0) != (strstr(study->launcher, "{ranks}") != NULL))
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: the launcher (%s) has to have {ranks} if runs name their ranks, and only then",
                        study->path, study->launcher);
    APD_TRY(begin(study, options, 1, error));
    apd_screen *screen = apd_screen_begin(study);
    apd_status status = apd_launch_runs(study, (int)at_once, limit, options->fail_fast, error);
    apd_screen_end(screen);
    return status == APD_OK ? finish(study, error) : status;
}

static apd_status run_on_ranks(apd_study *study, const study_options *options, double limit, double seconds,
                               apd_error *error) {
    apd_team *world = NULL;
    apd_status status = apd_world_begin(&world, error);
    if (status == APD_OK)
        status = study_on_ranks(study, options, world, limit, seconds, error);
    apd_team_destroy(world);
    return status;
}

static apd_status run_study(const void *given, int count, const char *const *arguments, apd_error *error) {
    const study_options *options = given;
    apd_study study;
    double limit = INFINITY, seconds = 0.0;
    (void)count;
    APD_TRY(apd_cli_number("seconds", options->seconds, 0.0, 3600.0, &seconds, error));
    apd_requests_catch();
    if (options->time_limit != NULL) {
        APD_TRY(apd_time_limit_parse(options->time_limit, &limit, error));
        limit += apd_seconds();
    }
    if (options->submit && options->slurm == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--submit: --slurm DIR is needed, too");
    apd_status status = apd_study_read(&study, arguments[0], options->vary.values, options->vary.count,
                                       options->settings.values, options->settings.count, error);
    if (status == APD_OK && options->launcher != NULL) {
        free(study.launcher);
        study.launcher = apd_duplicate_text(options->launcher);
    }
    if (status == APD_OK && options->slurm != NULL)
        status = apd_array_write(&study,
                                 &(apd_array){.folder = options->slurm,
                                              .vary = &options->vary,
                                              .settings = &options->settings,
                                              .ranks_a_run = options->ranks_a_run,
                                              .at_once = options->at_once,
                                              .fail_fast = options->fail_fast,
                                              .submit = options->submit},
                                 error);
    else if (status == APD_OK && options->dry_run && seconds <= 0.0)
        status = list_runs(&study, error);
    else if (status == APD_OK && options->gather)
        status = gather(&study, error);
    else if (status == APD_OK && study.launcher[0] != '\0' && !options->dry_run)
        status = run_by_launcher(&study, options, limit, error);
    else if (status == APD_OK)
        status = run_on_ranks(&study, options, limit, seconds, error);
    apd_study_clear(&study);
    return status;
}

const apd_command apd_command_study = {
    .name = "study",
    .arguments = "STUDY.yaml",
    .summary = "train many runs that differ in some keys, and tabulate their results",
    .details =
        "STUDY.yaml has a base (a run description, or its file's name), a matrix of values, zip, exclude "
        "and\n"
        "include over keys written with dots, and name, output, shards, keep and launcher: docs/studies.md.\n"
        "The keys ranks and repeat, too, may vary, to measure times. A run description serves as well, with\n"
        "--vary. Runs are kept in a folder each under the study's; finished ones are skipped, interrupted\n"
        "ones resumed to the bit, and failed ones left until --retry. Signals work as in apd train; a file\n"
        "named stop in the study's folder stops all runs. A change of the study to which a finished run no\n"
        "longer belongs is refused; more runs are not.\n"
        "\n"
        "Exit status: 75 runs are to be continued (before all else), 1 some failed, 0 all are done.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_study,
};
