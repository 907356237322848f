#include "engine/training.h"

#include "base/counted.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/evaluator.h"
#include "engine/standing.h"
#include "method/solvers/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- commits and stops in the middle of the task --------------------------------------------------------------- */

/* Describe in run->state where the task stands when step `step` of epoch `epoch` is next. Collective. */
static void note_training(const apd_training *t, int epoch, int step) {
    apd_run *run = t->run;
    apd_training_state *half = &run->state.training;
    int64_t bytes = (int64_t)sizeof(apd_tally) * (run->partition.shard_end - run->partition.shard_begin);
    int64_t total = 0;
    void *tallies = NULL;
    free(half->tallies);
    free(half->arrays);
    apd_team_gather_all(run->team, t->stepper.tallies, bytes, &tallies, &total);
    *half = (apd_training_state){.id = t->id,
                                 .epochs = t->epochs,
                                 .epoch = epoch,
                                 .step = step,
                                 .best = t->best,
                                 .seconds = apd_seconds() - t->started,
                                 .epoch_loss = t->epoch_tally.loss,
                                 .epoch_correct = t->epoch_tally.correct,
                                 .epoch_images = t->epoch_tally.images,
                                 .progress = apd_solver_progress_of(run->solver),
                                 .tally_count = (int)(total / (int64_t)sizeof(double)),
                                 .tallies = tallies};
    run->state.half_way = true;
}

static apd_status log_half_way(const apd_training *t, double seconds, apd_error *error) {
    apd_run *run = t->run;
    const apd_training_state *half = &run->state.training;
    if (!apd_run_speaks(run))
        return APD_OK;
    APD_TRY(apd_standing_committed(run, error));
    apd_log("commit %d in task %d of %d (%s), epoch %d of %d: %.1f MB in %.1f s (%s)", run->state.commit,
            t->place + 1, run->stream->task_count, run->stream->tasks[t->id].name, half->epoch + 1, t->epochs,
            (double)run->state.written / 1e6, seconds, t->requests->reason);
    apd_runlog_begin(run->log, "commit");
    apd_runlog_integer(run->log, "commit", run->state.commit);
    apd_runlog_integer(run->log, "place", t->place);
    apd_runlog_integer(run->log, "task", t->id);
    apd_runlog_integer(run->log, "step", t->stepper.done);
    apd_runlog_integer(run->log, "commit_bytes", run->state.written);
    apd_runlog_number(run->log, "commit_seconds", seconds);
    apd_runlog_text(run->log, "reason", t->requests->reason);
    return apd_runlog_end(run->log, error);
}

/* Collective. */
static apd_status commit_half_way(const apd_training *t, int epoch, int step, apd_error *error) {
    apd_run *run = t->run;
    double before = apd_seconds();
    note_training(t, epoch, step);
    APD_TRY(apd_checkpoint_save(run->team, &run->partition, run->checkpoint, run->decomposition, &run->state,
                                run->solver, error));
    double seconds = apd_seconds() - before;
    apd_requests_committed(t->requests, seconds);
    return apd_team_agree(run->team, log_half_way(t, seconds, error), error);
}

apd_status apd_training_stop(const apd_run *run, const apd_requests *requests, apd_error *error) {
    return apd_fail(error, APD_REQUEUE,
                    "stopped (%s) after commit %d, %d of %s done; the same command resumes the run",
                    requests->reason, run->state.commit, apd_run_tasks_done(run),
                    apd_count(run->stream->task_count, "task").text);
}

/* What a request asks for when step `step` of epoch `epoch` is next. Collective. Status: REQUEUE after a stop. */
static apd_status answer(const apd_training *t, apd_request request, int epoch, int step, apd_error *error) {
    if (request == APD_GO_ON)
        return APD_OK;
    APD_TRY(commit_half_way(t, epoch, step, error));
    return request == APD_STOP ? apd_training_stop(t->run, t->requests, error) : APD_OK;
}

/* Return to where the commit left the task, which the solver has begun. Collective. */
static apd_status restore(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    const apd_training_state *half = &run->state.training;
    (void)apd_heartbeat_phase("load commit");
    APD_TRY(apd_checkpoint_load_training(run->team, &run->partition, run->checkpoint, &run->state,
                                         run->solver, run->decomposition, error));
    t->epochs = half->epochs;
    t->best = half->best;
    t->started -= half->seconds;
    t->epoch_tally = (apd_tally){half->epoch_loss, half->epoch_correct, half->epoch_images};
    t->stepper.done = half->progress.steps;
    memcpy(t->stepper.tallies, (const apd_tally *)half->tallies + run->partition.shard_begin,
           sizeof(apd_tally) * (size_t)(run->partition.shard_end - run->partition.shard_begin));
    return APD_OK;
}

/* --- steps ----------------------------------------------------------------------------------------------------- */

/* The schedule's rate, times a factor that rises in equal steps to 1 over the first training.warmup of the task's steps:
 * Adam's first steps move every weight by the whole rate, all the same way, whatever the gradient's size is; through a
 * layer with many inputs that silences units for good. */
static double learning_rate(const apd_training *t, int epoch) {
    const apd_description *described = t->run->description;
    double share = (double)t->stepper.done / (double)t->total_steps;
    double begun = (double)t->stepper.done + 1.0, warm = described->training.warmup * (double)t->total_steps;
    double rate = described->training.lr * (begun < warm ? begun / warm : 1.0);
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

/* Log the mean loss of the steps since the last call. Collective. Status: DATA if it is not a number. */
static apd_status log_losses(apd_training *t, int epoch, apd_error *error) {
    apd_run *run = t->run;
    apd_tally tally = apd_stepper_read(&t->stepper);
    t->epoch_tally.loss += tally.loss;
    t->epoch_tally.correct += tally.correct;
    t->epoch_tally.images += tally.images;
    double loss = tally.loss / tally.images;
    if (!isfinite(loss))
        return apd_fail(error, APD_ERROR_DATA,
                        "training diverged: the loss of task %d (%s) is not a number at step %lld; try a "
                        "lower training.lr "
                        "than %g",
                        t->id, run->stream->tasks[t->id].name, (long long)t->stepper.done,
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

/* After each of the last keep_best epochs, take a snapshot if the validation accuracy is the best so far. Collective. */
static apd_status keep_best(apd_training *t, int epoch, apd_error *error) {
    if (epoch < t->epochs - t->run->description->training.keep_best)
        return APD_OK;
    double accuracy = 0.0;
    const int next = apd_batches_at(t->batches, epoch + 1, 0).source->place;
    if (next >= 0) /* the ranks have a finished task's theta */
        apd_step_share_theta(t->run, -1);
    APD_TRY(apd_evaluate_part(t->run, t->id, APD_PART_VALIDATION,
                              apd_train_set_normalisation(apd_batches_own(t->batches)), &accuracy, error));
    if (next >= 0)
        apd_step_share_theta(t->run, next);
    if (accuracy <= t->best)
        return APD_OK;
    t->best = accuracy;
    apd_solver_snapshot(t->run->solver);
    return APD_OK;
}

/* Drop the entries of tau that are beyond the budget. Collective. True if there is one. */
static bool keep_to_budget(const apd_run *run) {
    const apd_description *described = run->description;
    if (described->method.budget <= 0.0 || !described->method.row->codes)
        return false;
    int bits = described->method.storage == APD_STORE_CODED ? described->method.tau_bits : 32;
    int64_t entries =
        apd_budget_entries(described->method.budget, bits, apd_network_layout(run->network)->decomposed);
    int64_t *counts = apd_allocate(APD_SALIENCY_BUCKETS, sizeof *counts, "entries of tau by saliency");
    apd_budget_count(run->solver, counts);
    apd_team_sum(run->team, counts, APD_SALIENCY_BUCKETS);
    apd_budget_apply(run->solver, apd_budget_limit(counts, entries));
    free(counts);
    return true;
}

/* Where weights are pruned, the ranks get the new theta, and the best epoch is one of those from now on. Collective. */
static void begin_polish(apd_training *t) {
    const bool begun = apd_solver_progress_of(t->run->solver).polishing != 0; /* the run resumes here */
    const bool pruned = !begun && keep_to_budget(t->run);
    if (!apd_solver_begin_polish(t->run->solver) && !pruned)
        return;
    t->best = -1.0;
    apd_step_share_theta(t->run, -1);
}

/* Steps `first` to the last of an epoch. Collective. */
static apd_status train_epoch(apd_training *t, int epoch, int first, apd_error *error) {
    const apd_description *described = t->run->description;
    int steps = apd_batches_steps(t->batches);
    if (epoch == t->epochs - described->method.polish_epochs)
        begin_polish(t);
    if (first == 0)
        t->epoch_tally = (apd_tally){0};
    for (int step = first; step < steps; step++) {
        t->rate = learning_rate(t, epoch);
        apd_step(&t->stepper, epoch, step, t->rate);
        if (t->stepper.done % described->log.interval == 0 || step == steps - 1)
            APD_TRY(log_losses(t, epoch, error));
        APD_TRY(answer(t, apd_requests_after_step(t->requests), epoch, step + 1, error));
    }
    return keep_best(t, epoch, error);
}

/* Say so if the task ends at chance: if its last epoch is no more than two standard deviations above what answering with
 * the most frequent class gives. Rank 0 writes. */
static apd_status warn_of_chance(const apd_training *t, apd_error *error) {
    const apd_run *run = t->run;
    const apd_task *task = &run->stream->tasks[t->id];
    double chance = apd_train_set_chance(apd_batches_own(t->batches)), images = t->epoch_tally.images;
    double accuracy = t->epoch_tally.correct / images;
    if (task->class_count < 2 || accuracy > chance + 2.0 * sqrt(chance * (1.0 - chance) / images) ||
        !apd_run_speaks(run))
        return APD_OK;
    apd_warn("task %d of %d (%s) ends at chance on its own training images: %.1f %% right in its last epoch, "
             "and its most frequent class is %.1f %% of them; try a training.lr below %g, a training.warmup "
             "above %g, or more training.epochs",
             t->place + 1, run->stream->task_count, task->name, 100.0 * accuracy, 100.0 * chance,
             run->description->training.lr, run->description->training.warmup);
    apd_runlog_begin(run->log, "chance");
    apd_runlog_integer(run->log, "place", t->place);
    apd_runlog_integer(run->log, "task", t->id);
    apd_runlog_number(run->log, "training_accuracy", accuracy);
    apd_runlog_number(run->log, "chance", chance);
    return apd_runlog_end(run->log, error);
}

apd_status apd_training_run(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    int epoch = 0, step = 0, steps = apd_batches_steps(t->batches);
    apd_stepper_init(&t->stepper, run, t->batches, t->id);
    apd_solver_begin_task(run->solver, t->id, run->stream->tasks[t->id].class_count);
    if (run->state.half_way) {
        APD_TRY(restore(t, error));
        epoch = run->state.training.epoch;
        step = run->state.training.step;
    }
    apd_step_share_theta(run, apd_batches_at(t->batches, epoch, step).source->place);
    t->total_steps = (int64_t)t->epochs * steps;
    for (; epoch < t->epochs; epoch++, step = 0)
        APD_TRY(train_epoch(t, epoch, step, error));
    APD_TRY(answer(t, apd_requests_ask(t->requests, APD_STRETCH_BOUNDARY), t->epochs - 1, steps, error));
    APD_TRY(apd_team_agree(run->team, warn_of_chance(t, error), error));
    if (run->description->training.keep_best > 0)
        apd_solver_restore(run->solver);
    run->state.half_way = false;
    return APD_OK;
}
