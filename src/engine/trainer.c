/* The stream as prose: for each task, its epochs of steps, then its end: old tasks' tau, re-centring,
 * accuracies, a commit. Every rank walks through here in the same order; rank 0 is the one that writes and
 * speaks. */
#include "engine/trainer.h"

#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/evaluator.h"
#include "engine/forgetting.h"
#include "engine/results.h"
#include "engine/training.h"
#include "io/system/fault.h"
#include "method/clustering/recentre.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double learning_rate(const apd_training *t, int epoch) {
    const apd_description *described = t->run->description;
    double rate = described->training.lr, share = (double)t->stepper.done / (double)t->total_steps;
    switch (described->training.schedule) {
    case APD_SCHEDULE_CONSTANT: break;
    case APD_SCHEDULE_EXPONENTIAL: return rate * pow(described->training.decay, epoch);
    case APD_SCHEDULE_COSINE: return rate * 0.5 * (1.0 + cos(3.14159265358979323846 * share));
    }
    return rate;
}

static void show_progress(const apd_training *t, int epoch) {
    const apd_run *run = t->run;
    double share = (double)t->stepper.done / (double)t->total_steps;
    double left = (apd_seconds() - t->started) * ((run->stream->task_count - t->place) / share - 1.0);
    apd_progress("task %d of %d (%s)  epoch %d of %d  loss %.3f  %.0f s left", t->place + 1,
                 run->stream->task_count, run->stream->tasks[t->id].name, epoch + 1, t->epochs,
                 t->epoch_tally.images > 0.0 ? t->epoch_tally.loss / t->epoch_tally.images : 0.0, left);
}

/* Losses since the last call: a line of metrics, and an error when they are no numbers. Collective. */
static apd_status log_losses(apd_training *t, int epoch, apd_error *error) {
    apd_run *run = t->run;
    apd_tally tally = apd_stepper_read(&t->stepper);
    t->epoch_tally.loss += tally.loss;
    t->epoch_tally.correct += tally.correct;
    t->epoch_tally.images += tally.images;
    double loss = tally.loss / tally.images;
    if (!isfinite(loss))
        return apd_fail(
            error, APD_ERROR_DATA,
            "training diverged: the loss of task %d (%s) is not a number at step %lld (training.lr is "
            "%g; try a lower one)",
            t->place, run->stream->tasks[t->id].name, (long long)t->stepper.done,
            run->description->training.lr);
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) {
        apd_runlog_begin(run->log, "step");
        apd_runlog_integer(run->log, "place", t->place);
        apd_runlog_integer(run->log, "task", t->id);
        apd_runlog_integer(run->log, "epoch", epoch);
        apd_runlog_integer(run->log, "step", t->stepper.done);
        apd_runlog_number(run->log, "loss", loss);
        apd_runlog_number(run->log, "training_accuracy", tally.correct / tally.images);
        apd_runlog_number(run->log, "learning_rate", t->rate);
        status = apd_runlog_end(run->log, error);
        show_progress(t, epoch);
    }
    return apd_team_agree(run->team, status, error);
}

/* With keep_best: measure the last n epochs on the validation images and keep the best. Collective. */
static apd_status keep_best(apd_training *t, int epoch, apd_error *error) {
    if (epoch < t->epochs - t->run->description->training.keep_best)
        return APD_OK;
    double accuracy = 0.0;
    APD_TRY(apd_evaluate_part(t->run, t->id, APD_PART_VALIDATION, apd_train_set_normalisation(t->set),
                              &accuracy, error));
    if (accuracy <= t->best)
        return APD_OK;
    t->best = accuracy;
    apd_solver_snapshot(t->run->solver);
    return APD_OK;
}

/* --- a task ---------------------------------------------------------------------------------------------- */

/* An epoch from its step `first` on. */
static apd_status train_epoch(apd_training *t, int epoch, int first, apd_error *error) {
    const apd_description *described = t->run->description;
    int steps = apd_train_set_steps(t->set);
    if (epoch == t->epochs - described->method.polish_epochs)
        apd_solver_begin_polish(t->run->solver);
    if (first == 0)
        t->epoch_tally = (apd_tally){0};
    for (int step = first; step < steps; step++) {
        t->rate = learning_rate(t, epoch);
        apd_step(&t->stepper, epoch, step, t->rate);
        if (t->stepper.done % described->log.interval == 0 || step == steps - 1)
            APD_TRY(log_losses(t, epoch, error));
        APD_TRY(apd_training_answer(t, epoch, step + 1, error));
    }
    return keep_best(t, epoch, error);
}

/* All epochs, from where the commit left the task if it did half way. */
static apd_status train_epochs(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    int epoch = 0, step = 0;
    if (run->state.half_way) {
        APD_TRY(apd_training_restore(t, error));
        epoch = run->state.training.epoch;
        step = run->state.training.step;
    }
    apd_step_share_theta(run);
    t->total_steps = (int64_t)t->epochs * apd_train_set_steps(t->set);
    for (; epoch < t->epochs; epoch++, step = 0)
        APD_TRY(train_epoch(t, epoch, step, error));
    if (run->description->training.keep_best > 0)
        apd_solver_restore(run->solver);
    run->state.half_way = false;
    return APD_OK;
}

/* Sigma to where fewest tau are needed; returns how many of its weights moved. Collective. */
static int64_t recentre(apd_run *run) {
    const apd_description *described = run->description;
    if (described->method.recentre == APD_RECENTRE_NONE || described->method.name != APD_METHOD_APD)
        return 0;
    (void)apd_heartbeat_phase("recentre");
    int64_t moved = apd_recentre_sigma(run->decomposition, described->method.recentre == APD_RECENTRE_COUNT
                                                               ? APD_RULE_COUNT
                                                               : APD_RULE_MEDIAN);
    apd_team_sum(run->team, &moved, 1);
    return moved;
}

/* After the first task, and when asked every so many tasks. */
static bool recentring_due(const apd_run *run) {
    int tasks = run->decomposition->task_count, every = run->description->method.recentre_every;
    return tasks == 1 || (every > 0 && tasks % every == 0);
}

/* Room for one more task in the run's state, with the accuracies so far. */
static apd_task_record *grow_state(apd_run_state *state) {
    const int64_t tasks = state->task_count, grown = tasks + 1;
    double *accuracy = state->accuracy =
        apd_reallocate(state->accuracy, tasks * tasks, grown * grown, sizeof *accuracy, "the accuracies");
    for (int64_t i = tasks - 1; i > 0; i--) /* the last row first: each moves to where others were */
        memmove(accuracy + i * grown, accuracy + i * tasks, (size_t)tasks * sizeof *accuracy);
    for (int64_t i = 0; i < tasks; i++)
        accuracy[i * grown + tasks] = accuracy[tasks * grown + i] = NAN;
    accuracy[tasks * grown + tasks] = NAN;
    state->records =
        apd_reallocate(state->records, tasks, tasks + 1, sizeof *state->records, "the tasks' records");
    state->task_count = (int)grown;
    return &state->records[tasks];
}

static void record_task(const apd_training *t) {
    const apd_task *task = &t->run->stream->tasks[t->id];
    apd_task_record *record = grow_state(&t->run->state);
    t->run->state.shared_moved = true;
    record->id = t->id;
    (void)snprintf(record->name, sizeof record->name, "%s", task->name);
    record->class_count = task->class_count;
    record->classes = apd_allocate(task->class_count, sizeof(int), "a task's classes");
    memcpy(record->classes, task->classes, (size_t)task->class_count * sizeof(int));
    record->epochs = t->epochs;
    record->normalisation = *apd_train_set_normalisation(t->set);
}

/* The last row of R: tasks whose theta moved on any rank are measured, the others' accuracies are carried.
 * Collective. */
static apd_status measure_tasks(apd_training *current, apd_error *error) {
    apd_run *run = current->run;
    apd_run_state *state = &run->state;
    int tasks = state->task_count, last = tasks - 1;
    int64_t *moved = apd_allocate(tasks, sizeof *moved, "which tasks moved");
    for (int t = 0; t < tasks; t++)
        moved[t] = run->decomposition->tasks[t] != NULL && run->decomposition->tasks[t]->moved;
    apd_team_maximum(run->team, moved, tasks);
    apd_status status = APD_OK;
    for (int t = 0; t < tasks && status == APD_OK; t++) {
        double *cell = &state->accuracy[last * tasks + t];
        if (moved[t] == 0) { /* as it was in the row above, or earlier in this one */
            if (isnan(*cell) && last > 0)
                *cell = state->accuracy[(last - 1) * tasks + t];
            continue;
        }
        status = apd_evaluate_task(run, t, cell, error);
        if (run->decomposition->tasks[t] != NULL)
            run->decomposition->tasks[t]->moved = false;
        current->measured++;
    }
    state->records[last].accuracy = state->accuracy[last * tasks + last];
    free(moved);
    return status;
}

static apd_status commit(apd_run *run, apd_requests *requests, apd_error *error) {
    double before = apd_seconds();
    APD_TRY(apd_checkpoint_save(run->team, &run->partition, run->checkpoint, run->decomposition, &run->state,
                                NULL, error));
    apd_requests_committed(requests, apd_seconds() - before);
    apd_fault_point("results");
    return apd_results_write(run, error);
}

/* `commit_seconds`: NaN when it was not committed yet. */
static apd_status log_task(const apd_training *t, double commit_seconds, apd_error *error) {
    apd_run *run = t->run;
    apd_capacity_counts counts = apd_run_count(run, NULL);
    apd_capacity capacity =
        apd_capacity_of(apd_network_layout(run->network), run->stream->tasks[t->id].class_count, &counts);
    const apd_task_record *record = &run->state.records[t->place];
    if (!apd_run_speaks(run))
        return APD_OK;
    apd_metrics metrics = apd_metrics_of(run->state.accuracy, run->state.task_count, run->state.task_count);
    apd_log("task %3d of %d  %-28s %6.2f %%   average %6.2f %%   capacity %6.1f %%   %5.1f s", t->place + 1,
            run->stream->task_count, record->name, 100.0 * record->accuracy, 100.0 * metrics.average,
            100.0 * capacity.weights, record->seconds);
    apd_runlog_begin(run->log, "task");
    apd_runlog_integer(run->log, "place", t->place);
    apd_runlog_integer(run->log, "task", t->id);
    apd_runlog_text(run->log, "name", record->name);
    apd_runlog_number(run->log, "accuracy", record->accuracy);
    apd_runlog_number(run->log, "average_accuracy", metrics.average);
    apd_runlog_number(run->log, "backward_transfer", metrics.backward);
    apd_runlog_number(run->log, "capacity", capacity.weights);
    apd_runlog_integer(run->log, "tau_nonzeros", counts.tau);
    apd_runlog_integer(run->log, "recentred_weights", t->recentred);
    apd_runlog_integer(run->log, "evaluated_tasks", t->measured);
    apd_runlog_number(run->log, "seconds", record->seconds);
    if (!isnan(commit_seconds)) {
        apd_runlog_number(run->log, "commit_seconds", commit_seconds);
        apd_runlog_integer(run->log, "commit", run->state.commit);
        apd_runlog_integer(run->log, "commit_bytes", run->state.written);
        apd_runlog_integer(run->log, "checkpoint_bytes", counts.file_bytes);
    }
    for (int phase = 0; phase < APD_PHASES; phase++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s_ms", apd_phase_names[phase]);
        apd_runlog_number(run->log, key,
                          1e3 * t->stepper.phases[phase] /
                              (double)(t->stepper.timed > 0 ? t->stepper.timed : 1));
    }
    return apd_runlog_end(run->log, error);
}

static double average_accuracy(const apd_run *run) {
    return apd_metrics_of(run->state.accuracy, run->state.task_count, run->state.task_count).average;
}

/* Hierarchical consolidation, re-centring, and the accuracies after it. Collective. */
static apd_status consolidate(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    double before = average_accuracy(run), started = apd_seconds();
    APD_TRY(apd_consolidate_run(run, t->consolidator, error));
    double seconds = apd_seconds() - started;
    t->recentred += recentre(run);
    APD_TRY(measure_tasks(t, error));
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) {
        apd_log("consolidated %d tasks in %.1f s: average %.2f %% -> %.2f %%", run->state.task_count, seconds,
                100.0 * before, 100.0 * average_accuracy(run));
        apd_runlog_begin(run->log, "consolidated");
        apd_runlog_integer(run->log, "after_tasks", run->state.task_count);
        apd_runlog_number(run->log, "average_accuracy_before", before);
        apd_runlog_number(run->log, "average_accuracy", average_accuracy(run));
        apd_runlog_integer(run->log, "recentred_weights", t->recentred);
        apd_runlog_number(run->log, "seconds", seconds);
        status = apd_runlog_end(run->log, error);
    }
    return apd_team_agree(run->team, status, error);
}

/* Commit when one is due or asked for, log, and stop when that is asked for. Collective. */
static apd_status end_task(apd_training *t, bool forgot, apd_error *error) {
    apd_run *run = t->run;
    const int tasks = run->state.task_count;
    const bool last = tasks == run->stream->task_count;
    const bool due = last || forgot || tasks % run->description->checkpoint.tasks == 0;
    apd_request request = due ? APD_GO_ON : apd_requests_check(t->requests, true);
    double before = apd_seconds(), seconds = NAN; /* NaN: no commit */
    if (due || request != APD_GO_ON) {
        APD_TRY(commit(run, t->requests, error));
        seconds = apd_seconds() - before;
    }
    APD_TRY(apd_team_agree(run->team, log_task(t, seconds, error), error));
    if (due && !last) /* meanwhile */
        request = apd_requests_check(t->requests, true);
    return request == APD_STOP ? apd_training_stop(run, t->requests, error) : APD_OK;
}

static apd_status finish_task(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    int forgotten;
    (void)apd_heartbeat_phase("end task");
    apd_solver_end_task(run->solver);
    if (recentring_due(run))
        t->recentred = recentre(run);
    record_task(t);
    apd_fault_point("evaluation");
    APD_TRY(measure_tasks(t, error));
    if (apd_consolidation_due(run))
        APD_TRY(consolidate(t, error));
    APD_TRY(apd_forget_due(run, &forgotten, error));
    run->state.records[t->place].seconds = apd_seconds() - t->started;
    return end_task(t, forgotten > 0, error);
}

static apd_status train_task(apd_run *run, int place, apd_consolidator *consolidator, apd_requests *requests,
                             apd_error *error) {
    apd_training t = {.run = run,
                      .requests = requests,
                      .place = place,
                      .id = run->stream->order[place],
                      .epochs = run->description->training.epochs,
                      .best = -1.0,
                      .started = apd_seconds(),
                      .consolidator = consolidator};
    const apd_task *task = &run->stream->tasks[t.id];
    (void)apd_heartbeat_phase("load images");
    apd_status status =
        apd_train_set_load(run->description, run->stream, run->dataset, &run->partition, t.id, &t.set, error);
    status = apd_team_agree(run->team, status, error);
    if (status == APD_OK) {
        apd_stepper_init(&t.stepper, run, t.set, t.id, task->class_count);
        apd_solver_begin_task(run->solver, t.id, task->class_count);
        status = train_epochs(&t, error);
    }
    if (status == APD_OK)
        status = finish_task(&t, error);
    apd_stepper_clear(&t.stepper);
    apd_train_set_destroy(t.set);
    return status;
}

apd_status apd_train_stream(apd_run *run, apd_requests *requests, apd_error *error) {
    apd_consolidator consolidator = {0};
    apd_status status = APD_OK;
    for (int place = run->state.task_count; place < run->stream->task_count && status == APD_OK; place++)
        status = train_task(run, place, &consolidator, requests, error);
    apd_consolidator_clear(&consolidator, run);
    return status;
}
