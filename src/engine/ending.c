#include "engine/ending.h"

#include "base/counted.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/counts.h"
#include "engine/evaluator.h"
#include "engine/fisher_pass.h"
#include "engine/forgetting.h"
#include "engine/keys.h"
#include "engine/results.h"
#include "engine/standing.h"
#include "io/system/fault.h"
#include "method/clustering/recentre.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ending {
    apd_training *training;
    apd_run *run;
    int place;
    apd_consolidator *consolidator;
    int evaluated;     /* tasks, by this process */
    double evaluating; /* seconds that they took */
    double before;     /* average accuracy before the consolidation; NaN: this process did not consolidate */
    double consolidated; /* seconds that it took */
} ending;

/* --- the new task ------------------------------------------------------------------------------------------------ */

/* Move sigma to where the fewest tau are needed. Collective. */
static void recentre(apd_training *training) {
    apd_run *run = training->run;
    const apd_description *described = run->description;
    if (described->method.recentre == APD_RECENTRE_NONE || run->decomposition->sigma_coded ||
        described->method.row->recentring == APD_RECENTRING_NEVER)
        return;
    (void)apd_heartbeat_phase("recentre");
    int64_t moved = apd_recentre_sigma(run->decomposition, described->method.recentre == APD_RECENTRE_COUNT
                                                               ? APD_RULE_COUNT
                                                               : APD_RULE_MEDIAN);
    apd_team_sum(run->team, &moved, 1);
    training->recentred += moved;
}

/* After the first task, then after every recentre_every tasks. */
static bool recentring_is_due(const apd_run *run) {
    int tasks = run->decomposition->task_count, every = run->description->method.recentre_every;
    bool again = run->description->method.row->recentring == APD_RECENTRING;
    return tasks == 1 || (again && every > 0 && tasks % every == 0);
}

/* One more record, and one more row of accuracies. */
static apd_task_record *grow_state(apd_run_state *state) {
    state->records = apd_reallocate(state->records, state->task_count, (int64_t)state->task_count + 1,
                                    sizeof *state->records, "the tasks' records");
    apd_accuracies_add_task(&state->accuracies);
    return &state->records[state->task_count++];
}

/* Tasks whose theta moved have no accuracy until they are measured again. Collective. */
static void drop_accuracies(apd_run *run) {
    const int tasks = run->state.task_count;
    int64_t *moved = apd_allocate(tasks, sizeof *moved, "which tasks moved");
    for (int t = 0; t < tasks; t++) {
        apd_task_part *part = run->decomposition->tasks[t];
        moved[t] = part != NULL && part->moved;
        if (part != NULL)
            part->moved = false;
    }
    apd_team_maximum(run->team, moved, tasks);
    for (int t = 0; t < tasks; t++)
        if (moved[t] != 0)
            run->state.accuracies.now[t] = NAN;
    free(moved);
}

void apd_ending_begin(apd_training *training) {
    apd_run *run = training->run;
    const apd_task *task = &run->stream->tasks[training->id];
    if (run->description->method.row->fisher)
        apd_fisher_pass(run, apd_batches_own(training->batches), task->class_count,
                        run->description->method.ewc_images);
    (void)apd_heartbeat_phase("end task");
    apd_solver_end_task(run->solver);
    apd_keys_keep(run, apd_batches_own(training->batches), task->class_count);
    if (recentring_is_due(run))
        recentre(training);
    apd_task_record *record = grow_state(&run->state);
    record->id = training->id;
    (void)snprintf(record->name, sizeof record->name, "%s", task->name);
    record->class_count = task->class_count;
    record->classes = apd_allocate(task->class_count, sizeof(int), "a task's classes");
    memcpy(record->classes, task->classes, (size_t)task->class_count * sizeof(int));
    record->epochs = training->epochs;
    record->normalisation = *apd_train_set_normalisation(apd_batches_own(training->batches));
    record->accuracy = NAN;
    run->state.shared_moved = true;
    run->state.ending = APD_ENDING_TRAINED;
    drop_accuracies(run);
    apd_fault_point("evaluation");
}

/* --- commits and stops on the way ------------------------------------------------------------------------------- */

/* Collective. */
static apd_status commit(ending *e, apd_error *error) {
    apd_run *run = e->run;
    double before = apd_seconds();
    run->state.records[e->place].seconds = before - e->training->started;
    APD_TRY(apd_checkpoint_save(run->team, &run->partition, run->checkpoint, run->decomposition, &run->state,
                                NULL, error));
    apd_requests_committed(e->training->requests, apd_seconds() - before);
    return APD_OK;
}

static apd_status log_commit(const ending *e, double seconds, apd_error *error) {
    apd_run *run = e->run;
    const char *reason = e->training->requests->reason;
    if (!apd_run_speaks(run))
        return APD_OK;
    APD_TRY(apd_standing_committed(run, error));
    apd_log("commit %d at the end of task %d of %d (%s), %s: %.1f MB in %.1f s (%s)", run->state.commit,
            e->place + 1, run->stream->task_count, run->state.records[e->place].name,
            run->state.ending == APD_ENDING_TRAINED ? "not evaluated yet"
                                                    : "consolidated but not evaluated yet",
            (double)run->state.written / 1e6, seconds, reason);
    apd_runlog_begin(run->log, "commit");
    apd_runlog_integer(run->log, "commit", run->state.commit);
    apd_runlog_integer(run->log, "place", e->place);
    apd_runlog_integer(run->log, "task", e->training->id);
    apd_runlog_integer(run->log, "commit_bytes", run->state.written);
    apd_runlog_number(run->log, "commit_seconds", seconds);
    apd_runlog_text(run->log, "reason", reason);
    return apd_runlog_end(run->log, error);
}

/* Do what was asked for before the work `next`. Collective. Status: REQUEUE after a stop. */
static apd_status answer(ending *e, apd_stretch next, apd_error *error) {
    apd_request request = apd_requests_ask(e->training->requests, next);
    double before = apd_seconds();
    if (request == APD_GO_ON)
        return APD_OK;
    APD_TRY(commit(e, error));
    APD_TRY(apd_team_agree(e->run->team, log_commit(e, apd_seconds() - before, error), error));
    return request == APD_STOP ? apd_training_stop(e->run, e->training->requests, error) : APD_OK;
}

/* --- evaluation and consolidation -------------------------------------------------------------------------------- */

/* Measure the tasks whose accuracy in the last row is NaN. Collective. */
static apd_status evaluate(ending *e, apd_error *error) {
    apd_run *run = e->run;
    for (int t = 0; t < run->state.task_count; t++) {
        double accuracy = 0.0, *cell = &run->state.accuracies.now[t];
        if (run->decomposition->tasks[t] == NULL || !isnan(*cell))
            continue;
        APD_TRY(answer(e, APD_STRETCH_EVALUATION, error));
        double started = apd_seconds();
        APD_TRY(apd_evaluate_task(run, t, &accuracy, error));
        e->evaluating += apd_seconds() - started;
        *cell = accuracy;
        e->evaluated++;
        apd_fault_point("evaluated");
    }
    run->state.records[e->place].accuracy = run->state.accuracies.now[e->place];
    return APD_OK;
}

static double average_accuracy(const apd_run *run) {
    return apd_metrics_of(&run->state.accuracies).average;
}

/* Collective. */
static apd_status consolidate(ending *e, apd_error *error) {
    apd_run *run = e->run;
    APD_TRY(answer(e, APD_STRETCH_CONSOLIDATION, error));
    double started = apd_seconds();
    e->before = average_accuracy(run);
    APD_TRY(apd_consolidate_run(run, e->consolidator, error));
    e->consolidated = apd_seconds() - started;
    recentre(e->training);
    drop_accuracies(run);
    run->state.ending = APD_ENDING_CONSOLIDATED;
    return APD_OK;
}

/* After the evaluations that follow a consolidation. Rank 0. */
static apd_status log_consolidation(const ending *e, apd_error *error) {
    const apd_run *run = e->run;
    double now = average_accuracy(run);
    apd_counted tasks = apd_count(run->state.task_count, "task");
    if (isnan(e->before))
        apd_log("consolidated %s before the run was stopped: average now %.2f %%", tasks.text, 100.0 * now);
    else
        apd_log("consolidated %s in %.1f s: average %.2f %% -> %.2f %%", tasks.text, e->consolidated,
                100.0 * e->before, 100.0 * now);
    apd_runlog_begin(run->log, "consolidated");
    apd_runlog_integer(run->log, "after_tasks", run->state.task_count);
    apd_runlog_number(run->log, "average_accuracy_before", e->before);
    apd_runlog_number(run->log, "average_accuracy", now);
    apd_runlog_integer(run->log, "recentred_weights", e->training->recentred);
    apd_runlog_number(run->log, "seconds", e->consolidated);
    return apd_runlog_end(run->log, error);
}

/* --- the task's commit ------------------------------------------------------------------------------------------- */

static void log_times(const apd_run *run, int64_t steps, const apd_phase_times *times) {
    apd_runlog_integer(run->log, "timed_steps", steps);
    apd_runlog_number(run->log, "step_ms", 1e3 * times->step);
    for (int phase = 0; phase < APD_PHASES; phase++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s_ms", apd_phase_names[phase]);
        apd_runlog_number(run->log, key, 1e3 * times->mean[phase]);
        (void)snprintf(key, sizeof key, "%s_max_ms", apd_phase_names[phase]);
        apd_runlog_number(run->log, key, 1e3 * times->most[phase]);
    }
    apd_runlog_number(run->log, "compute_ms", 1e3 * times->compute);
    apd_runlog_number(run->log, "compute_max_ms", 1e3 * times->compute_most);
}

/* `commit_seconds`: NaN if the task is not committed yet. Collective. */
static apd_status log_task(const ending *e, double commit_seconds, apd_error *error) {
    apd_run *run = e->run;
    const apd_task_record *record = &run->state.records[e->place];
    const apd_stepper *stepper = &e->training->stepper;
    const apd_phase_times times = apd_step_times(run->team, stepper->phases, stepper->timed);
    const int64_t memory = apd_run_peak_bytes(run);
    apd_capacity_counts counts = apd_run_count(run, NULL);
    apd_capacity capacity = apd_capacity_of(apd_network_layout(run->network),
                                            run->stream->tasks[e->training->id].class_count, &counts);
    if (!apd_run_speaks(run))
        return APD_OK;
    if (!isnan(commit_seconds)) {
        APD_TRY(apd_standing_committed(run, error));
    }
    apd_metrics metrics = apd_metrics_of(&run->state.accuracies);
    apd_log("task %3d of %d  %-28s %6.2f %%   average %6.2f %%   capacity %6.1f %%   %5.1f s", e->place + 1,
            run->stream->task_count, record->name, 100.0 * record->accuracy, 100.0 * metrics.average,
            100.0 * capacity.weights, record->seconds);
    apd_runlog_begin(run->log, "task");
    apd_runlog_integer(run->log, "place", e->place);
    apd_runlog_integer(run->log, "task", e->training->id);
    apd_runlog_text(run->log, "name", record->name);
    apd_runlog_number(run->log, "accuracy", record->accuracy);
    apd_runlog_number(run->log, "average_accuracy", metrics.average);
    apd_runlog_number(run->log, "worst_accuracy", metrics.worst);
    apd_runlog_number(run->log, "backward_transfer", metrics.backward);
    apd_runlog_number(run->log, "capacity", capacity.weights);
    apd_runlog_integer(run->log, "tau_nonzeros", counts.tau);
    apd_runlog_integer(run->log, "recentred_weights", e->training->recentred);
    apd_runlog_integer(run->log, "evaluated_tasks", e->evaluated);
    apd_runlog_number(run->log, "evaluation_seconds", e->evaluating);
    apd_runlog_number(run->log, "consolidation_seconds", e->consolidated);
    apd_runlog_number(run->log, "seconds", record->seconds);
    apd_runlog_integer(run->log, "peak_bytes_a_rank", memory);
    if (!isnan(commit_seconds)) {
        apd_runlog_number(run->log, "commit_seconds", commit_seconds);
        apd_runlog_integer(run->log, "commit", run->state.commit);
        apd_runlog_integer(run->log, "commit_bytes", run->state.written);
        apd_runlog_integer(run->log, "checkpoint_bytes", apd_checkpoint_bytes(run->checkpoint, &run->state));
    }
    log_times(run, stepper->timed, &times);
    return apd_runlog_end(run->log, error);
}

/* Commit if it is due or asked for, log the task, and stop if that is asked for. Collective. */
static apd_status complete(ending *e, bool forgot, apd_error *error) {
    apd_run *run = e->run;
    apd_requests *requests = e->training->requests;
    const int tasks = run->state.task_count;
    const bool last = tasks == run->stream->task_count;
    const bool due = last || forgot || tasks % run->description->checkpoint.tasks == 0;
    apd_request request = due ? APD_GO_ON : apd_requests_ask(requests, APD_STRETCH_BOUNDARY);
    double before = apd_seconds(), seconds = NAN;
    run->state.records[e->place].seconds = before - e->training->started;
    run->state.ending = APD_ENDING_COMPLETE;
    if (due || request != APD_GO_ON) {
        APD_TRY(commit(e, error));
        apd_fault_point("results");
        APD_TRY(apd_results_write(run, error));
        seconds = apd_seconds() - before;
    }
    APD_TRY(apd_team_agree(run->team, log_task(e, seconds, error), error));
    if (due && !last) /* what came during the commit */
        request = apd_requests_ask(requests, APD_STRETCH_BOUNDARY);
    return request == APD_STOP ? apd_training_stop(run, requests, error) : APD_OK;
}

apd_status apd_ending_run(apd_training *training, apd_consolidator *consolidator, apd_error *error) {
    apd_run *run = training->run;
    ending e = {.training = training,
                .run = run,
                .place = training->place,
                .consolidator = consolidator,
                .before = NAN,
                .consolidated = NAN};
    int forgotten = 0;
    (void)apd_heartbeat_phase("end task");
    APD_TRY(evaluate(&e, error));
    if (run->state.ending == APD_ENDING_TRAINED && apd_consolidation_due(run)) {
        APD_TRY(consolidate(&e, error));
        APD_TRY(evaluate(&e, error));
    }
    if (run->state.ending == APD_ENDING_CONSOLIDATED) {
        apd_status status = apd_run_speaks(run) ? log_consolidation(&e, error) : APD_OK;
        APD_TRY(apd_team_agree(run->team, status, error));
    }
    APD_TRY(apd_forget_due(run, &forgotten, error));
    return complete(&e, forgotten > 0, error);
}
