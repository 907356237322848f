#include "engine/start.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/about.h"
#include "engine/claim.h"
#include "engine/initial.h"
#include "engine/results.h"
#include "engine/standing.h"
#include "engine/teachers.h"
#include "engine/trainer.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/machine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Keys that may change between two starts although results depend on them. */
static const char *const changeable[] = {"training.epochs", "stream.tasks", "stream.added", NULL};

static apd_status refuse_change(const apd_run *run, const char *key, const char *now, const char *before,
                                const char *why, apd_error *error) {
    return apd_fail(
        error, APD_ERROR_USAGE,
        "%s was trained with another description: %s is %s now and was %s; %sput it back, choose another "
        "output, or start a new run with --fresh --force",
        run->checkpoint, key, now, before, why);
}

/* Tasks that were added to the stream since the description was written are the commit's: so a run that apd extend has given more
 * tasks goes on by its first description, too. Rank 0. */
static apd_status take_added(const apd_run *run, apd_description *before, apd_error *error) {
    static const char *const others[] = {"training.epochs", "stream.tasks", NULL};
    apd_description *now = run->description;
    apd_description_difference found;
    const int former = before->stream.added_lists, tasks = now->stream.added_lists;
    if (before->stream.added_lists > 0 && now->stream.tasks != before->stream.tasks)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: stream.tasks is %d now and was %d, but tasks were added behind these; put it "
                        "back, and add to "
                        "stream.added, or extend the run",
                        run->checkpoint, now->stream.tasks, before->stream.tasks);
    if (!apd_description_differs(now, before, others, &found))
        return APD_OK;
    for (int t = 0; t < former && t < tasks; t++)
        if (!apd_description_has_added(before, t, now->stream.added[t], now->stream.added_counts[t]))
            return refuse_change(run, found.key, found.first, found.second, "", error);
    if (tasks >= former) {
        apd_log("stream.added has %s now and had %d: the stream continues past its former end",
                apd_count(tasks, "task").text, former);
        return APD_OK;
    }
    apd_log("the run was extended: its last %d of %s, and training.epochs %d, are those of its commit",
            former - tasks, apd_count(former, "added task").text, before->training.epochs);
    apd_description_take_added(now, before);
    return APD_OK;
}

/* Accept changes of the changeable keys: epochs of later tasks, and tasks at the end of the stream. Rank 0. */
static apd_status take_changes(const apd_run *run, const apd_description *before, bool half_way,
                               apd_error *error) {
    const apd_description *now = run->description;
    int tasks = now->stream.tasks, former = before->stream.tasks;
    if (tasks != former) {
        char texts[2][16];
        (void)snprintf(texts[0], sizeof texts[0], "%d", tasks);
        (void)snprintf(texts[1], sizeof texts[1], "%d", former);
        if (tasks != 0 && (former == 0 || tasks < former))
            return refuse_change(run, "stream.tasks", texts[0], texts[1], "a stream can only grow; ", error);
        apd_log("stream.tasks is %d now and was %d: the stream continues past its former end", tasks, former);
    }
    if (now->training.epochs != before->training.epochs)
        apd_log("training.epochs is %d now and was %d, for tasks that have not begun%s", now->training.epochs,
                before->training.epochs, half_way ? "; the task in training keeps its number" : "");
    return APD_OK;
}

/* Refuse to resume if a value that results depend on has changed since the commit, whose state is `state`. Rank 0. */
static apd_status compare_description(const apd_run *run, const apd_run_state *state, apd_error *error) {
    apd_description *before = NULL;
    apd_description_difference found;
    if (state->config_digest == apd_description_digest(run->description))
        return APD_OK;
    APD_TRY(apd_description_parse(run->checkpoint, state->run_yaml, (int64_t)strlen(state->run_yaml), NULL, 0,
                                  &before, error));
    apd_status status = APD_OK;
    if (apd_description_differs(run->description, before, changeable, &found))
        status = refuse_change(run, found.key, found.first, found.second, "", error);
    else
        status = take_added(run, before, error);
    if (status == APD_OK) /* nothing may differ: a program that knew fewer keys computed another digest */
        status = take_changes(run, before, state->half_way, error);
    apd_description_destroy(before);
    return status;
}

/* Check that the commit can be resumed, before anything is built from the description. Rank 0. */
static apd_status check_commit(apd_run *run, const char *newest, int *shards, apd_error *error) {
    APD_TRY(apd_checkpoint_settle(newest, run->checkpoint, error));
    free(run->checkpoint);
    run->checkpoint = apd_duplicate_text(newest);
    apd_run_state state = {0};
    apd_status status = apd_checkpoint_read_state(run->checkpoint, &state, error);
    if (status == APD_OK && run->description->shards == 0)
        apd_description_set_shards(run->description, state.shards);
    if (status == APD_OK)
        status = compare_description(run, &state, error);
    *shards = state.shards;
    apd_run_state_clear(&state);
    return status;
}

/* --fresh --force deletes damaged commits, too. Collective. */
static apd_status choose_commit(apd_run *run, const apd_start *start, const char *newest, bool *found,
                                apd_error *error) {
    apd_error damaged = {0};
    apd_status status = apd_run_choose(run, newest, found, &damaged);
    bool thrown_away = start->fresh && start->force;
    if (status != APD_OK && status != APD_ERROR_DATA &&
        !thrown_away) /* nobody knows whether there is a commit */
        return apd_fail(error, status, "%s", damaged.message);
    *found = *found || status != APD_OK;
    if (thrown_away)
        *found = false;
    else if (start->fresh && *found)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s holds a commit; delete it with --fresh --force, or choose another output",
                        newest);
    else if (status != APD_OK)
        return apd_fail(error, status, "%s", damaged.message);
    return APD_OK;
}

/* Lock the run, before anything looks for commits. Collective. */
static apd_status claim(apd_run *run, bool break_lock, apd_error *error) {
    const char *folder = run->description->output;
    apd_status status = apd_run_speaks(run) ? apd_make_folder(folder, error) : APD_OK;
    APD_TRY(apd_team_agree(run->team, status, error));
    return apd_run_claim(run, folder, break_lock, error);
}

/* Give all ranks rank 0's description, which a commit may have changed. Collective. */
static apd_status share_description(apd_run *run, apd_error *error) {
    apd_description *same = NULL;
    char *text =
        apd_team_share_text(run->team, apd_run_speaks(run) ? apd_description_write(run->description) : NULL);
    apd_status status = APD_OK;
    if (!apd_run_speaks(run))
        status = apd_description_parse("run.yaml", text, (int64_t)strlen(text), NULL, 0, &same, error);
    free(text);
    if (same != NULL) {
        apd_description_destroy(run->description);
        run->description = same;
    }
    return apd_team_agree(run->team, status, error);
}

/* Rank 0 decides whether there is a commit to resume from; `shards` is then the commit's. Collective. */
static apd_status find_commit(apd_run *run, const apd_start *start, bool *resume, int *shards,
                              apd_error *error) {
    apd_status status = APD_OK;
    *shards = run->description->shards;
    char *newest = apd_join_path(run->description->output, "checkpoint.h5");
    APD_GO(choose_commit(run, start, newest, resume, error));
    if (apd_run_speaks(run) && *resume)
        status = check_commit(run, newest, shards, error);
    APD_GO(apd_team_agree(run->team, status, error));
    apd_team_broadcast(run->team, shards, (int64_t)sizeof *shards);
    if (*resume)
        APD_GO(share_description(run, error));
    free(run->checkpoint);
    run->checkpoint = apd_duplicate_text(newest);
out:
    free(newest);
    return status;
}

/* Check that the commit's tasks are the first of this stream, in its order. */
static apd_status check_stream(const apd_run *run, apd_error *error) {
    const apd_run_state *state = &run->state;
    int begun = state->task_count + (state->half_way ? 1 : 0);
    for (int place = 0; place < begun; place++) {
        int id = place < state->task_count ? state->records[place].id : state->training.id;
        if (place < run->stream->task_count && run->stream->order[place] == id) {
            const apd_task *task = &run->stream->tasks[id];
            const int classes = place < state->task_count ? state->records[place].class_count : 0;
            if (classes == 0 ||
                (classes == task->class_count &&
                 memcmp(state->records[place].classes, task->classes, (size_t)classes * sizeof(int)) == 0))
                continue; /* those of a forgotten task nobody knows */
            return apd_fail(error, APD_ERROR_USAGE,
                            "data.file: with these files task %d (%s) has other classes than the commit's; "
                            "put the former "
                            "files back, in their order",
                            id, task->name);
        }
        return apd_fail(
            error, APD_ERROR_USAGE,
            "stream.tasks: with %s the order differs: the commit has task %d at place %d; put the former "
            "number back, or start a new run with --fresh --force",
            apd_count(run->stream->task_count, "task").text, id, place);
    }
    return APD_OK;
}

/* Rank 0 says that the next commits come from another program or other kernels than the last one. */
static void sign(apd_run *run) {
    apd_run_state *state = &run->state;
    char program[sizeof state->program], kernels[sizeof state->kernels];
    bool differs = apd_about_differs(state);
    memcpy(program, state->program, sizeof program);
    memcpy(kernels, state->kernels, sizeof kernels);
    apd_about_sign(state);
    if (differs && apd_run_speaks(run))
        apd_log("the commit is of %s (%s), this is %s (%s): results may differ in the last bits", program,
                kernels, state->program, state->kernels);
}

/* Load parameters and state; the next commit will hold the present description. Collective. */
static apd_status load_commit(apd_run *run, apd_error *error) {
    APD_TRY(apd_run_load(run, error));
    APD_TRY(apd_team_agree(run->team, check_stream(run, error), error));
    run->state.config_digest = apd_description_digest(run->description);
    free(run->state.run_yaml);
    run->state.run_yaml = apd_description_write(run->description);
    run->sigma_given = apd_initial_is_given(run->description);
    if (run->state.data_digest != run->dataset->digest) { /* data files were added */
        char *init = apd_about_init(&run->state);
        free(run->state.about);
        run->state.about = apd_about_text(run->description, run->dataset, init);
        run->state.data_digest = run->dataset->digest;
        free(init);
    }
    sign(run);
    return APD_OK;
}

/* Collective. Statuses: those of apd_initial_load. */
static apd_status begin_state(apd_run *run, apd_error *error) {
    apd_rows *rows = apd_partition_slice(&run->partition, apd_network_layout(run->network));
    run->decomposition = apd_decomposition_create(apd_network_layout(run->network), rows);
    free(rows);
    char *init = NULL;
    APD_TRY(apd_initial_load(run, &init, error));
    run->state = (apd_run_state){.config_digest = apd_description_digest(run->description),
                                 .data_digest = run->dataset->digest,
                                 .seed = run->description->seed,
                                 .shards = run->partition.shards,
                                 .run_yaml = apd_description_write(run->description),
                                 .about = apd_about_text(run->description, run->dataset, init)};
    apd_about_sign(&run->state);
    free(init);
    return APD_OK;
}

/* Delete what an earlier run left. Rank 0. */
static apd_status clear_folder(const apd_run *run, apd_error *error) {
    static const char *const old[] = {"metrics.jsonl", "accuracy.csv", "tasks.csv", "manifest.json"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        char *path = apd_join_path(run->description->output, old[i]);
        (void)unlink(path);
        free(path);
    }
    APD_TRY(apd_checkpoint_remove(run->checkpoint, error));
    return apd_sync_folder(run->description->output, error);
}

/* Let event files for TensorBoard follow the log. Rank 0. */
static apd_status follow(apd_run *run, bool resume, apd_error *error) {
    const apd_run_state *state = &run->state;
    const apd_tensorboard_place place = {.done = apd_run_tasks_done(run),
                                         .trained = state->task_count,
                                         .steps = state->half_way ? state->training.progress.steps : 0};
    return apd_runlog_follow(run->log, run->description->output, resume ? &place : NULL, error);
}

/* Make the folder, run.yaml and the log. Collective; rank 0 writes. */
static apd_status open_folder(apd_run *run, bool resume, apd_error *error) {
    apd_status status = APD_OK;
    const char *folder = run->description->output;
    if (apd_run_speaks(run)) {
        char *stopped = apd_join_path(folder, "stopped");
        (void)unlink(stopped);
        free(stopped);
        if (!resume)
            status = clear_folder(run, error);
        if (status == APD_OK)
            status = apd_run_guard(run, run->checkpoint, error);
        if (status == APD_OK)
            status = apd_runlog_open(folder, &run->log, error);
        if (status == APD_OK && run->description->log.tensorboard)
            status = follow(run, resume, error);
        if (status == APD_OK)
            status = apd_write_file(folder, "run.yaml", run->state.run_yaml,
                                    (int64_t)strlen(run->state.run_yaml), error);
    }
    return apd_team_agree(run->team, status, error);
}

static void say_start(const apd_run *run, bool resume) {
    const apd_layout *layout = apd_network_layout(run->network);
    apd_log("%s: %s of %s, %s with %.2f M decomposed weights, on %s with %s", run->description->name,
            apd_count(run->stream->task_count, "task").text, run->dataset->path,
            run->description->network.preset, (double)layout->decomposed / 1e6,
            apd_count(apd_team_size(run->team), "rank").text, apd_count(run->partition.shards, "shard").text);
    char *init = resume ? NULL : apd_about_init(&run->state);
    if (init != NULL)
        apd_log("sigma starts as that of %s", init);
    free(init);
    if (!resume)
        return;
    const apd_training_state *training = &run->state.training;
    apd_counted done = apd_count(apd_run_tasks_done(run), "task");
    if (run->state.half_way)
        apd_log("resuming from commit %d: %s done, task %d is in epoch %d of %d at step %d",
                run->state.commit, done.text, training->id, training->epoch + 1, training->epochs,
                training->step);
    else if (run->state.ending != APD_ENDING_COMPLETE)
        apd_log("resuming from commit %d: %s done, task %d is %s but not evaluated", run->state.commit,
                done.text, run->state.records[run->state.task_count - 1].id,
                run->state.ending == APD_ENDING_TRAINED ? "trained" : "consolidated");
    else
        apd_log("resuming from commit %d: %s done", run->state.commit, done.text);
}

static apd_status log_start(apd_run *run, bool resume, apd_error *error) {
    if (!apd_run_speaks(run))
        return APD_OK;
    apd_runlog_begin(run->log, "start");
    apd_runlog_integer(run->log, "commit", run->state.commit);
    apd_runlog_integer(run->log, "tasks_done", apd_run_tasks_done(run));
    apd_runlog_integer(run->log, "step",
                       resume && run->state.half_way ? run->state.training.progress.steps : 0);
    apd_runlog_integer(run->log, "ranks", apd_team_size(run->team));
    char job[128];
    apd_machine_job(job, sizeof job);
    if (job[0] != '\0')
        apd_runlog_text(run->log, "slurm_job", job);
    return apd_runlog_end(run->log, error);
}

/* What the run's folder says of its former starts; then that this one has begun. Rank 0. */
static apd_status note_start(apd_run *run, const apd_start *start, apd_error *error) {
    apd_standing before;
    apd_standing_read(run->description->output, &before);
    if (start->takes_turns && (strcmp(before.state, "done") == 0 || strcmp(before.state, "failed") == 0))
        return apd_fail(error, APD_ERROR_LOCKED, "%s: another job has ended this run",
                        run->description->output);
    run->starts = strcmp(before.state, "running") == 0 ? before.starts + 1 : 1;
    return apd_standing_write(run, "running", "", error);
}

/* The run's end, or the failure in `error`, for those who look at its folder. Rank 0. */
static apd_status note_end(apd_run *run, apd_status status, apd_error *error) {
    if (status == APD_OK)
        return apd_standing_write(run, "done", "", error);
    /* the failure that is told already counts, not one in telling it */
    (void)apd_standing_write(run, status == APD_REQUEUE ? "stopped" : "failed", error->message, NULL);
    return status;
}

/* After the claim. Collective. */
static apd_status train(apd_run *run, const apd_start *start, apd_error *error) {
    bool resume = false;
    int shards = 0;
    double load_seconds = 0.0;
    APD_TRY(find_commit(run, start, &resume, &shards, error));
    APD_TRY(apd_run_prepare(run, shards, error));
    if (resume) {
        double before = apd_seconds();
        APD_TRY(load_commit(run, error));
        load_seconds = apd_seconds() - before;
    } else {
        APD_TRY(begin_state(run, error));
    }
    APD_TRY(apd_team_agree(run->team, apd_teachers_check(run, error), error));
    APD_TRY(open_folder(run, resume, error));
    apd_run_create_solver(run);
    say_start(run, resume);
    APD_TRY(apd_team_agree(run->team, log_start(run, resume, error), error));
    APD_TRY(apd_results_begin(run, error));
    if (resume && run->state.task_count > 0) /* the tables may be older than the commit */
        APD_TRY(apd_results_write(run, error));
    apd_requests requests;
    apd_requests_begin(&requests, run, start->time_limit, load_seconds);
    requests.stop_file = start->stop;
    apd_status status = apd_train_stream(run, &requests, error);
    if (requests.stops)
        memcpy(run->stopped, requests.reason, sizeof run->stopped);
    return status;
}

apd_status apd_start_run(apd_run *run, const apd_start *start, apd_error *error) {
    APD_TRY(claim(run, start->break_lock, error));
    const char *folder = run->description->output;
    apd_status status = APD_OK;
    bool speaks = apd_run_speaks(run);
    if (speaks)
        status = note_start(run, start, error);
    if (speaks && status == APD_OK && start->name != NULL)
        apd_log("begins   %s", start->name);
    if (speaks && status == APD_OK && start->log != NULL)
        status = apd_log_open(folder, start->log, error);
    status = apd_team_agree(run->team, status, error);
    bool begun = status == APD_OK;
    if (begun)
        status = train(run, start, error);
    apd_error unsaved = {0};
    apd_status closed = apd_runlog_close(run->log, &unsaved);
    run->log = NULL;
    if (status == APD_OK && closed != APD_OK)
        status = apd_fail(error, closed, "%s", unsaved.message);
    if (speaks && begun)
        status = note_end(run, status, error);
    if (speaks && start->log != NULL) {
        if (status != APD_OK && begun)
            apd_log("%s", error->message);
        apd_log_close();
    }
    return apd_team_agree(run->team, status, error);
}
