/* apd forget: delete tasks from a run for good, and certify that no other task changed. */
#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "engine/claim.h"
#include "engine/counts.h"
#include "engine/evaluator.h"
#include "engine/forgetting.h"
#include "engine/results.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "method/clustering/recentre.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct forget_options {
    apd_cli_list tasks, settings;
    bool recentre, keep_history, break_lock;
} forget_options;

static const forget_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "task",
     .argument = "TASK",
     .help = "a task's number or name (required); may be repeated",
     APD_CLI_COLLECTS(forget_options, tasks)},
    {.name = "recentre",
     .help = "re-centre sigma without the task afterwards",
     APD_CLI_SETS(forget_options, recentre)},
    {.name = "keep-history",
     .help = "keep the commit from before; the task is then not erased",
     APD_CLI_SETS(forget_options, keep_history)},
    {.name = "break-lock",
     .help = "take the run over from a job that is surely dead (the refused start names it)",
     APD_CLI_SETS(forget_options, break_lock)},
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the run's description, for example data.file; may be repeated",
     APD_CLI_COLLECTS(forget_options, settings)},
    {0},
};

/* The tasks to be forgotten. */
typedef struct chosen {
    int places[sizeof((apd_cli_list *)0)->values / sizeof((apd_cli_list *)0)->values[0]];
    int count;
} chosen;

/* What the certificate states of a task. */
typedef struct evidence {
    uint64_t digest;
    double accuracy;
} evidence;

/* Digest and accuracy of every task that is not forgotten. Collective. */
static apd_status take_evidence(apd_run *run, evidence *found, apd_error *error) {
    for (int t = 0; t < run->state.task_count; t++) {
        if (run->decomposition->tasks[t] == NULL)
            continue;
        found[t].digest = apd_run_digest(run, t);
        APD_TRY(apd_evaluate_task(run, t, &found[t].accuracy, error));
    }
    return APD_OK;
}

static apd_status find_places(const apd_run *run, const apd_cli_list *tasks, chosen *found,
                              apd_error *error) {
    if (tasks->count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "--task TASK is needed: which task is to be forgotten?");
    for (int i = 0; i < tasks->count; i++) {
        int place = found->places[i] = apd_find_task(&run->state, tasks->values[i]);
        if (place < 0)
            return apd_fail(
                error, APD_ERROR_USAGE,
                "--task %s: %s has no such task (a forgotten one has no name any more, but a number); apd "
                "inspect lists those that it has",
                tasks->values[i], run->checkpoint);
        bool twice = false;
        for (int j = 0; j < i; j++)
            twice = twice || found->places[j] == place;
        if (run->decomposition->tasks[place] == NULL || twice)
            return apd_fail(error, APD_ERROR_USAGE, "--task %s: this task %s", tasks->values[i],
                            twice ? "is named twice" : "has been forgotten already");
    }
    found->count = tasks->count;
    return APD_OK;
}

/* With --keep-history: copy the present commit to a file of its own. Rank 0. */
static apd_status keep_commit(const apd_run *run, apd_error *error) {
    char name[64];
    (void)snprintf(name, sizeof name, "checkpoint-%06d.h5", run->state.commit);
    char *kept = apd_join_path(run->description->output, name);
    int groups;
    apd_status status = apd_checkpoint_pack(run->checkpoint, kept, APD_PACK_COMMIT, &groups, error);
    if (status == APD_OK)
        (void)printf("the commit from before is kept as %s\n", kept);
    free(kept);
    return status;
}

/* Whether a file of the run's folder is a commit that --keep-history kept ("checkpoint-000012.h5") or began to write
 * ("checkpoint-000012.h5.tmp"), or one that was put aside ("checkpoint.damaged.h5"). */
static bool is_kept_commit(const char *name) {
    static const char lead[] = "checkpoint-";
    if (strcmp(name, "checkpoint.damaged.h5") == 0)
        return true;
    if (strncmp(name, lead, sizeof lead - 1) != 0)
        return false;
    const char *digits = name + sizeof lead - 1, *ending = digits + strspn(digits, "0123456789");
    return ending != digits && (strcmp(ending, ".h5") == 0 || strcmp(ending, ".h5.tmp") == 0);
}

/* Delete the commits that an earlier --keep-history kept, which hold the tasks too. Called after the new commit.
 * Rank 0. */
static apd_status delete_kept_commits(const apd_run *run, apd_error *error) {
    const char *folder = run->description->output;
    apd_file_names names = {0};
    APD_TRY(apd_folder_list(folder, &names, error));
    apd_status status = APD_OK;
    for (int i = 0; i < names.count && status == APD_OK; i++) {
        if (!is_kept_commit(names.items[i]))
            continue;
        char *path = apd_join_path(folder, names.items[i]);
        status = apd_file_delete(path, error);
        if (status == APD_OK)
            (void)printf("deleted the older commit %s\n", path);
        free(path);
    }
    apd_file_names_clear(&names);
    if (status == APD_OK) /* the certificate is printed when the removals are safe */
        status = apd_sync_folder(folder, error);
    return status;
}

static void print_certificate(const apd_run *run, const forget_options *options, const chosen *forgotten,
                              const evidence *before, const evidence *after) {
    (void)printf("\nCertificate of forgetting: %s, commit %d\n", run->checkpoint, run->state.commit);
    for (int i = 0; i < forgotten->count; i++)
        (void)printf("forgotten: task %d\n", run->state.records[forgotten->places[i]].id);
    (void)printf(" task  name                            digest before     digest after      accuracy "
                 "before, after\n");
    for (int t = 0; t < run->state.task_count; t++)
        if (run->decomposition->tasks[t] != NULL)
            (void)printf(
                "%5d  %-30s  %016" PRIx64 "  %016" PRIx64 "  %7.2f %% %7.2f %%  %s\n",
                run->state.records[t].id, apd_utf8_shown(run->state.records[t].name).text, before[t].digest,
                after[t].digest, 100.0 * before[t].accuracy, 100.0 * after[t].accuracy,
                before[t].digest == after[t].digest && before[t].accuracy == after[t].accuracy ? "equal"
                                                                                               : "DIFFERS");
    (void)printf("%s\n", options->keep_history
                             ? "Older commits were kept: the task is NOT erased from this folder."
                             : "No byte of the task's parameters remains in the run's checkpoint.");
    (void)printf("Its name is gone from the run's checkpoint, tables and metrics.jsonl. Job logs, earlier "
                 "pages of apd report and copies\n"
                 "still have it. The data's list of classes stays in the checkpoint, and so does what the "
                 "task changed in sigma and in\n"
                 "other tasks.\n");
}

static bool all_equal(const apd_run *run, const evidence *before, const evidence *after) {
    bool equal = true;
    for (int t = 0; t < run->state.task_count; t++)
        if (run->decomposition->tasks[t] != NULL)
            equal = equal && before[t].digest == after[t].digest && before[t].accuracy == after[t].accuracy;
    return equal;
}

/* Commit, audit lines and tables. Collective. */
static apd_status commit(apd_run *run, const forget_options *options, const chosen *forgotten,
                         apd_error *error) {
    apd_status status = APD_OK;
    if (apd_run_speaks(run) && options->keep_history)
        status = keep_commit(run, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    APD_TRY(apd_checkpoint_save(run->team, &run->partition, run->checkpoint, run->decomposition, &run->state,
                                NULL, error));
    if (apd_run_speaks(run) && !options->keep_history)
        status = delete_kept_commits(run, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    if (apd_run_speaks(run)) {
        status = apd_runlog_open(run->description->output, &run->log, error);
        for (int i = 0; i < forgotten->count && status == APD_OK; i++)
            status = apd_forget_log(run, forgotten->places[i], !options->keep_history, error);
        apd_status closed = apd_runlog_close(run->log, error);
        status = status != APD_OK ? status : closed;
        run->log = NULL;
    }
    APD_TRY(apd_team_agree(run->team, status, error));
    return apd_results_write(run, error);
}

/* Make the commit that was opened the newest. A task in training starts again, since the old tasks that it was trained
 * beside have changed. Collective. */
static apd_status settle(apd_run *run, const char *path, apd_error *error) {
    char *newest = NULL;
    apd_status status = apd_checkpoint_path(path, &newest, error);
    if (apd_run_speaks(run) && status == APD_OK)
        status = apd_checkpoint_settle(newest, run->checkpoint, error);
    if (status == APD_OK)
        status = apd_run_guard(run, newest, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    free(run->checkpoint);
    run->checkpoint = newest;
    if (run->state.half_way)
        apd_log("task %d is in training; it will start again from its first step", run->state.training.id);
    run->state.half_way = false;
    return APD_OK;
}

/* Whether all tasks that are named were forgotten before. */
static bool are_forgotten(const apd_run *run, const apd_cli_list *tasks) {
    for (int i = 0; i < tasks->count; i++) {
        int place = apd_find_task(&run->state, tasks->values[i]);
        if (place < 0 || run->decomposition->tasks[place] != NULL)
            return false;
    }
    return tasks->count > 0;
}

/* A forget that was killed after its commit may have left kept commits and names: this one deletes them. Collective. */
static apd_status finish_former(const apd_run *run, const forget_options *options, apd_error *error) {
    apd_status status = APD_OK;
    if (are_forgotten(run, &options->tasks) && !options->keep_history && apd_run_speaks(run)) {
        status = delete_kept_commits(run, error);
        for (int i = 0; i < options->tasks.count && status == APD_OK; i++) {
            const int place = apd_find_task(&run->state, options->tasks.values[i]);
            status = apd_runlog_forget_name(run->description->output, run->state.records[place].id, error);
        }
    }
    return apd_team_agree(run->team, status, error);
}

static apd_status forget(apd_run *run, const forget_options *options, evidence *before, evidence *after,
                         apd_error *error) {
    chosen forgotten = {.count = 0};
    const apd_method *method = run->description->method.row;
    if (method->unforgettable != NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: no task of method %s can be forgotten: %s; use apd for that", run->checkpoint,
                        method->name, method->unforgettable);
    APD_TRY(finish_former(run, options, error));
    APD_TRY(find_places(run, &options->tasks, &forgotten, error));
    if (apd_run_speaks(run))
        (void)printf("%s: forgetting %d of %s; the present commit will be %s\n", run->checkpoint,
                     forgotten.count, apd_count(run->state.task_count, "task").text,
                     options->keep_history ? "kept (--keep-history)" : "deleted");
    APD_TRY(take_evidence(run, before, error));
    for (int i = 0; i < forgotten.count; i++)
        apd_forget_place(run, forgotten.places[i]);
    if (options->recentre)
        (void)apd_recentre_sigma(run->decomposition, APD_RULE_COUNT);
    APD_TRY(take_evidence(run, after, error));
    APD_TRY(commit(run, options, &forgotten, error));
    if (apd_run_speaks(run))
        print_certificate(run, options, &forgotten, before, after);
    if (!all_equal(run, before, after))
        return apd_fail(
            error, APD_ERROR_INTERNAL,
            "%s: forgetting changed another task, which is a fault of the program; restore the run "
            "from a copy and report this",
            run->checkpoint);
    return APD_OK;
}

/* Lock the run, if there is one. Collective. */
static apd_status claim(apd_run *run, const char *path, bool break_lock, apd_error *error) {
    char *newest = NULL;
    bool found = false;
    apd_status status = apd_checkpoint_path(path, &newest, error);
    if (status == APD_OK && apd_run_speaks(run))
        status = apd_file_exists(newest, &found, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    found = found || (apd_run_speaks(run) && apd_checkpoint_is_run(newest));
    apd_team_broadcast(run->team, &found, (int64_t)sizeof found);
    char *folder = apd_parent_folder(newest);
    status = found ? apd_run_claim(run, folder, break_lock, error) : APD_OK;
    free(folder);
    free(newest);
    return status;
}

static apd_status run_forget(const void *given, int count, const char *const *arguments, apd_error *error) {
    const forget_options *options = given;
    (void)count;
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = claim(&run, arguments[0], options->break_lock, error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], options->settings.values, options->settings.count, error);
    if (status == APD_OK)
        status = settle(&run, arguments[0], error);
    if (status == APD_OK) {
        evidence *before = apd_allocate(run.state.task_count, sizeof *before, "the certificate");
        evidence *after = apd_allocate(run.state.task_count, sizeof *after, "the certificate");
        status = forget(&run, options, before, after, error);
        free(after);
        free(before);
    }
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_forget = {
    .name = "forget",
    .arguments = "RUN",
    .summary = "delete tasks from a run for good; no other task changes by a bit",
    .details =
        "RUN is the run's folder. The task's mask, tau, biases, head and membership in clusters are deleted\n"
        "and a new commit is written: no byte of them remains in the run's folder. A certificate lists "
        "every\n"
        "other task's digest and accuracy before and after. What the task taught the shared parameters "
        "stays.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_forget,
};
