#include "engine/forgetting.h"

#include "base/counted.h"
#include "base/log.h"
#include "io/system/fault.h"
#include "method/clustering/consolidate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void apd_forget_place(apd_run *run, int place) {
    apd_run_state *state = &run->state;
    apd_task_record *record = &state->records[place];
    (void)apd_forget(run->decomposition, place);
    apd_fault_point("forgetting");
    free(record->classes);
    record->classes = NULL;
    record->class_count = 0;
    memset(record->name, 0, sizeof record->name);
    record->accuracy = NAN;
    record->normalisation = (apd_normalisation){0};
    apd_accuracies_forget(&state->accuracies, place);
    run->listed = 0;
}

apd_status apd_forget_log(apd_run *run, int place, bool erased, apd_error *error) {
    APD_TRY(apd_runlog_forget_name(run->description->output, run->state.records[place].id, error));
    apd_runlog_begin(run->log, "forget");
    apd_runlog_integer(run->log, "place", place);
    apd_runlog_integer(run->log, "task", run->state.records[place].id);
    apd_runlog_integer(run->log, "after_tasks", run->state.task_count);
    apd_runlog_text(run->log, "older_commits", erased ? "deleted" : "kept");
    return apd_runlog_end(run->log, error);
}

static apd_status forget_id(apd_run *run, int id, apd_error *error) {
    int place = 0;
    while (place < run->state.task_count && run->state.records[place].id != id)
        place++;
    if (place == run->state.task_count || run->decomposition->tasks[place] == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "stream.forget: task %d after %s: it is %s by then; name another task or number", id,
                        apd_count(run->state.task_count, "task").text,
                        place < run->state.task_count ? "forgotten already" : "not trained");
    apd_forget_place(run, place);
    apd_log("forgot task %d", id);
    return apd_run_speaks(run) ? apd_forget_log(run, place, true, error) : APD_OK;
}

apd_status apd_forget_due(apd_run *run, int *count, apd_error *error) {
    const apd_description *described = run->description;
    apd_status status = APD_OK;
    *count = 0;
    for (int i = 0; i + 1 < described->stream.forget_count && status == APD_OK; i += 2)
        if (described->stream.forget[i + 1] == run->state.task_count) {
            status = forget_id(run, described->stream.forget[i], error);
            (*count)++;
        }
    return apd_team_agree(run->team, status, error);
}
