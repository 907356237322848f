#include "engine/training.h"

#include "base/heartbeat.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Where the task stands when step `step` of epoch `epoch` comes next. Collective. */
static void note_training(const apd_training *t, int epoch, int step) {
    apd_run *run = t->run;
    apd_training_state *half = &run->state.training;
    int64_t bytes = (int64_t)sizeof(apd_tally) * (run->partition.shard_end - run->partition.shard_begin);
    int64_t total = 0;
    void *tallies = NULL;
    free(half->tallies);
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
    const apd_run *run = t->run;
    const apd_training_state *half = &run->state.training;
    if (!apd_run_speaks(run))
        return APD_OK;
    apd_log("commit %d: task %d (%s) half way, epoch %d of %d, %.1f MB in %.1f s (%s)", run->state.commit,
            t->place + 1, run->stream->tasks[t->id].name, half->epoch + 1, t->epochs,
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
                    "stopped (%s) after commit %d, %d of %d tasks done; the same command goes on from there",
                    requests->reason, run->state.commit, run->state.task_count, run->stream->task_count);
}

apd_status apd_training_answer(const apd_training *t, int epoch, int step, apd_error *error) {
    apd_request request = apd_requests_check(t->requests, false);
    if (request == APD_GO_ON)
        return APD_OK;
    APD_TRY(commit_half_way(t, epoch, step, error));
    return request == APD_STOP ? apd_training_stop(t->run, t->requests, error) : APD_OK;
}

apd_status apd_training_restore(apd_training *t, apd_error *error) {
    apd_run *run = t->run;
    const apd_training_state *half = &run->state.training;
    (void)apd_heartbeat_phase("load commit");
    APD_TRY(apd_checkpoint_load_training(run->team, &run->partition, run->checkpoint, &run->state,
                                         run->solver, apd_network_layout(run->network), error));
    t->epochs = half->epochs;
    t->best = half->best;
    t->started -= half->seconds;
    t->epoch_tally = (apd_tally){half->epoch_loss, half->epoch_correct, half->epoch_images};
    t->stepper.done = half->progress.steps;
    memcpy(t->stepper.tallies, (const apd_tally *)half->tallies + run->partition.shard_begin,
           sizeof(apd_tally) * (size_t)(run->partition.shard_end - run->partition.shard_begin));
    return APD_OK;
}
