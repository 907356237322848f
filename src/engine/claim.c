#include "engine/claim.h"

#include "io/system/lock.h"

#include <stdlib.h>
#include <string.h>

/* All ranks' processes, rank 0's first, on rank 0; free them. Collective. */
static apd_process *gather_processes(const apd_run *run) {
    apd_process self;
    void *all = NULL;
    int64_t bytes;
    apd_process_self(&self);
    apd_team_gather(run->team, &self, (int64_t)sizeof self, &all, &bytes);
    return all;
}

apd_status apd_run_claim(apd_run *run, const char *folder, bool force, apd_error *error) {
    apd_status status = APD_OK;
    apd_lock_token token = "";
    apd_process *processes = gather_processes(run);
    if (apd_run_speaks(run)) {
        status = apd_lock_open(folder, processes, apd_team_size(run->team), force, &run->lock, error);
        if (status == APD_OK)
            memcpy(token, apd_lock_token_of(run->lock), sizeof token);
    }
    free(processes);
    APD_TRY(apd_team_agree(run->team, status, error));
    apd_team_broadcast(run->team, token, (int64_t)sizeof token);
    if (!apd_run_speaks(run))
        status = apd_lock_join(folder, token, &run->lock, error);
    return apd_team_agree(run->team, status, error);
}

apd_status apd_run_guard(apd_run *run, const char *newest, apd_error *error) {
    if (!apd_run_speaks(run))
        return APD_OK;
    run->state.lock = run->lock;
    return apd_lock_note(run->lock, newest, error);
}
