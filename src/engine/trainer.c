/* A run's life. Each task loads its images, trains for its epochs (training.h) and ends (ending.h): the solver hands
 * sigma, the old tasks' tau and the new task to the decomposition, tasks whose theta moved are evaluated, every so many
 * tasks are consolidated, some are forgotten, and the run commits. All ranks take this path together. */
#include "engine/trainer.h"

#include "base/heartbeat.h"
#include "base/log.h"
#include "engine/ending.h"
#include "engine/training.h"

/* The next task, from its first step or from where the last commit left it. Collective. */
static apd_status train_task(apd_run *run, apd_consolidator *consolidator, apd_requests *requests,
                             apd_error *error) {
    const bool trained =
        run->state.ending != APD_ENDING_COMPLETE; /* a commit was made while the task ended */
    const int place = apd_run_tasks_done(run);
    apd_training t = {.run = run,
                      .requests = requests,
                      .place = place,
                      .id = run->stream->order[place],
                      .epochs = run->description->training.epochs,
                      .best = -1.0,
                      .started = apd_seconds()};
    apd_status status = APD_OK;
    if (trained) {
        t.started -= run->state.records[place].seconds;
    } else {
        (void)apd_heartbeat_phase("load images");
        APD_GO(apd_batches_load(run, place, t.id, &t.batches, error));
        APD_GO(apd_training_run(&t, error));
        apd_ending_begin(&t);
    }
    status = apd_ending_run(&t, consolidator, error);
out:
    apd_stepper_clear(&t.stepper);
    apd_batches_destroy(t.batches);
    return status;
}

apd_status apd_train_stream(apd_run *run, apd_requests *requests, apd_error *error) {
    apd_consolidator consolidator = {0};
    apd_status status = APD_OK;
    while (status == APD_OK && apd_run_tasks_done(run) < run->stream->task_count)
        status = train_task(run, &consolidator, requests, error);
    apd_consolidator_clear(&consolidator, run);
    return status;
}
