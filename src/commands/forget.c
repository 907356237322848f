/* apd forget: delete tasks from a finished or stopped run for good, with a certificate of what did not change. */
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "engine/claim.h"
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

static apd_cli_list tasks, settings;
static bool again = false, history = false, break_lock = false;

static const apd_cli_option options[] = {
    {.name = "task",
     .argument = "TASK",
     .help = "a task's number or name (required); may be repeated",
     .list = &tasks},
    {.name = "recentre", .help = "re-centre sigma without the task afterwards", .flag = &again},
    {.name = "keep-history",
     .help = "keep the commit from before; nothing is claimed to be erased",
     .flag = &history},
    {.name = "break-lock",
     .help = "take the run over from a job that is surely dead (the refused start names it)",
     .flag = &break_lock},
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "overrides the run's description (data.file, say)",
     .list = &settings},
    {0},
};

/* What the certificate states of a task. */
typedef struct evidence {
    uint64_t digest;
    double accuracy;
} evidence;

/* Digest and accuracy of every task that is there. Collective. */
static apd_status take_evidence(apd_run *run, evidence *found, apd_error *error) {
    for (int t = 0; t < run->state.task_count; t++) {
        if (run->decomposition->tasks[t] == NULL)
            continue;
        found[t].digest = apd_run_digest(run, t);
        APD_TRY(apd_evaluate_task(run, t, &found[t].accuracy, error));
    }
    return APD_OK;
}

static apd_status find_places(const apd_run *run, int *places, apd_error *error) {
    if (tasks.count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "--task TASK is needed: which task is to be forgotten?");
    for (int i = 0; i < tasks.count; i++) {
        places[i] = apd_find_task(&run->state, tasks.values[i]);
        if (places[i] < 0)
            return apd_fail(error, APD_ERROR_USAGE,
                            "--task %s: no such task among the %d of %s (apd inspect lists them)",
                            tasks.values[i], run->state.task_count, run->checkpoint);
        bool twice = false;
        for (int j = 0; j < i; j++)
            twice = twice || places[j] == places[i];
        if (run->decomposition->tasks[places[i]] == NULL || twice)
            return apd_fail(error, APD_ERROR_USAGE, "--task %s: this task %s", tasks.values[i],
                            twice ? "is named twice" : "has been forgotten already");
    }
    return APD_OK;
}

/* With --keep-history the commit from before gets a name of its own. Rank 0. */
static apd_status keep_commit(const apd_run *run, apd_error *error) {
    char name[64];
    (void)snprintf(name, sizeof name, "checkpoint-%06d.h5", run->state.commit);
    char *kept = apd_join_path(run->description->output, name);
    int groups;
    apd_status status = apd_checkpoint_pack(run->checkpoint, kept, &groups, error);
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

/* Commits that an earlier --keep-history kept hold the tasks too: delete them once the new commit stands. Rank 0. */
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

static void print_certificate(const apd_run *run, const evidence *before, const evidence *after,
                              const int *places) {
    (void)printf("\nCertificate of forgetting: %s, commit %d\n", run->checkpoint, run->state.commit);
    for (int i = 0; i < tasks.count; i++)
        (void)printf("forgotten: task %d (%s)\n", run->state.records[places[i]].id,
                     apd_utf8_shown(run->state.records[places[i]].name).text);
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
    (void)printf("%s\n", history ? "Older commits were kept: the task is NOT erased from this folder."
                                 : "No byte of the task's parameters remains in the run's checkpoint.");
    (void)printf(
        "Sigma and what other tasks learned from it keep what the task taught them; logs keep its name.\n");
}

static bool all_equal(const apd_run *run, const evidence *before, const evidence *after) {
    bool equal = true;
    for (int t = 0; t < run->state.task_count; t++)
        if (run->decomposition->tasks[t] != NULL)
            equal = equal && before[t].digest == after[t].digest && before[t].accuracy == after[t].accuracy;
    return equal;
}

/* Commit, audit lines and tables. Collective. */
static apd_status commit(apd_run *run, const int *places, apd_error *error) {
    apd_status status = APD_OK;
    if (apd_run_speaks(run) && history)
        status = keep_commit(run, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    APD_TRY(apd_checkpoint_save(run->team, &run->partition, run->checkpoint, run->decomposition, &run->state,
                                NULL, error));
    if (apd_run_speaks(run) && !history)
        status = delete_kept_commits(run, error);
    APD_TRY(apd_team_agree(run->team, status, error));
    if (apd_run_speaks(run)) {
        status = apd_runlog_open(run->description->output, &run->log, error);
        for (int i = 0; i < tasks.count && status == APD_OK; i++)
            status = apd_forget_log(run, places[i], !history, error);
        apd_status closed = apd_runlog_close(run->log, error);
        status = status != APD_OK ? status : closed;
        run->log = NULL;
    }
    APD_TRY(apd_team_agree(run->team, status, error));
    return apd_results_write(run, error);
}

/* The run's newest commit is to be the one that was opened. A task half way begins anew: the old tasks that it
 * was trained beside are not the same any more. Collective. */
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
        apd_log("task %d is half way: it will begin anew", run->state.training.id);
    run->state.half_way = false;
    return APD_OK;
}

/* Whether all tasks that are named were forgotten before. */
static bool are_forgotten(const apd_run *run) {
    for (int i = 0; i < tasks.count; i++) {
        int place = apd_find_task(&run->state, tasks.values[i]);
        if (place < 0 || run->decomposition->tasks[place] != NULL)
            return false;
    }
    return tasks.count > 0;
}

/* A forget that was killed after its commit may have left kept commits: this one deletes them. Collective. */
static apd_status finish_former(const apd_run *run, apd_error *error) {
    apd_status status = APD_OK;
    if (are_forgotten(run) && !history && apd_run_speaks(run))
        status = delete_kept_commits(run, error);
    return apd_team_agree(run->team, status, error);
}

static apd_status forget(apd_run *run, evidence *before, evidence *after, apd_error *error) {
    int places[sizeof tasks.values / sizeof tasks.values[0]];
    APD_TRY(finish_former(run, error));
    APD_TRY(find_places(run, places, error));
    if (apd_run_speaks(run))
        (void)printf("%s: %d of %d tasks are to be forgotten; the commit that holds them will be %s\n",
                     run->checkpoint, tasks.count, run->state.task_count,
                     history ? "kept (--keep-history)" : "deleted");
    APD_TRY(take_evidence(run, before, error));
    for (int i = 0; i < tasks.count; i++)
        apd_forget_place(run, places[i]);
    if (again)
        (void)apd_recentre_sigma(run->decomposition, APD_RULE_COUNT);
    APD_TRY(take_evidence(run, after, error));
    APD_TRY(commit(run, places, error));
    if (apd_run_speaks(run))
        print_certificate(run, before, after, places);
    if (!all_equal(run, before, after))
        return apd_fail(error, APD_ERROR_INTERNAL,
                        "another task changed: this must not happen; please report it");
    return APD_OK;
}

/* Where there is a run, it is this job's from now on. Collective. */
static apd_status claim(apd_run *run, const char *path, apd_error *error) {
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

static apd_status run_forget(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = claim(&run, arguments[0], error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], settings.values, settings.count, error);
    if (status == APD_OK)
        status = settle(&run, arguments[0], error);
    if (status == APD_OK) {
        evidence *before = apd_allocate(run.state.task_count, sizeof *before, "the certificate");
        evidence *after = apd_allocate(run.state.task_count, sizeof *after, "the certificate");
        status = forget(&run, before, after, error);
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
    .details = "RUN is the run's folder. The task's mask, tau, biases, head and place in its clusters are "
               "deleted, a new\n"
               "commit is written, and a certificate states every other task's digest and accuracy before "
               "and after.",
    .options = options,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_forget,
};
