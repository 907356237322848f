#include "study/groups.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/start.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether no further run is to begin. */
static bool is_stopped(const apd_groups *groups) {
    char *stop = apd_join_path(groups->study->output, "stop");
    bool stopped = access(stop, F_OK) == 0;
    free(stop);
    return stopped || groups->limit - apd_seconds() < 1.0;
}

/* Log a run's end. Called by the group's first rank. */
static void say_end(const apd_groups *groups, const char *folder, apd_status status, const apd_error *error) {
    const apd_study *study = groups->study;
    apd_standing standing;
    int counts[APD_RUN_KINDS];
    const char *name = strrchr(folder, '/') + 1;
    apd_standing_read(folder, &standing);
    apd_study_count(study, counts);
    const int done = counts[APD_RUN_DONE];
    if (status == APD_OK)
        apd_log("done     %d of %d  %s  average %.2f %%  capacity %.1f %%  %.1f s", done, study->run_count,
                name, 100.0 * standing.average, 100.0 * standing.capacity, standing.seconds);
    else if (status != APD_ERROR_LOCKED)
        apd_log("%s  %d of %d  %s  %s", status == APD_REQUEUE ? "stopped" : "failed ", done, study->run_count,
                name, error->message);
}

/* Train the run in `folder` as far as it goes. `*stop`: the group was asked to stop; set on its first rank. Collective. */
static apd_status train_one(const apd_groups *groups, const char *folder, const char *text,
                            const char *stop_file, bool *stop, apd_error *error) {
    apd_run run;
    apd_start start = {.name = strrchr(folder, '/') + 1,
                       .takes_turns = true,
                       .log = "train.log",
                       .stop = stop_file,
                       .time_limit = INFINITY};
    apd_peak_reset();
    apd_run_init(&run, groups->team);
    if (isfinite(groups->limit))
        start.time_limit = fmax(groups->limit - apd_seconds(), 0.1);
    char *path = apd_join_path(folder, "run.yaml");
    apd_status status = apd_run_describe(&run, path, text != NULL ? text : "", NULL, 0, error);
    if (status == APD_OK)
        status = apd_start_run(&run, &start, error);
    if (status == APD_OK && apd_run_speaks(&run))
        status = apd_study_tidy(groups->study, folder, error);
    status = apd_team_agree(groups->team, status, error);
    *stop = run.stopped[0] != '\0' && strcmp(run.stopped, "the file stop") != 0;
    apd_run_end(&run);
    free(path);
    return status;
}

/* Make the file that tells all groups to commit and stop. Several groups may do so at one time. */
static apd_status stop_all(const char *stop_file, apd_error *error) {
    int file = open(stop_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return apd_fail_errno(error, errno, "%s: cannot make", stop_file);
    (void)close(file);
    return APD_OK;
}

apd_status apd_groups_train(const apd_groups *groups, bool *stopped, apd_error *error) {
    const apd_study *study = groups->study;
    const bool leads = study != NULL;
    bool *tried = leads ? apd_allocate(study->run_count, sizeof *tried, "the tried runs") : NULL;
    char *stop_file = leads ? apd_join_path(study->output, "stop") : NULL;
    apd_status status = APD_OK;
    bool stop = false;
    for (int round = 0; !stop && status == APD_OK && (round == 0 || groups->only < 0); round++) {
        int next = !leads || is_stopped(groups) ? -1
                   : groups->only >= 0          ? groups->only
                                                : apd_study_next(study, groups->group, true, tried);
        char *folder =
            apd_team_share_text(groups->team, next >= 0 ? apd_study_run_folder(study, next) : NULL);
        apd_error failure = {0};
        if (folder == NULL)
            break;
        apd_status ended =
            train_one(groups, folder, leads ? study->runs[next].text : NULL, stop_file, &stop, &failure);
        if (leads) {
            say_end(groups, folder, ended, &failure);
            if (groups->fail_fast && ended != APD_OK && ended != APD_REQUEUE && ended != APD_ERROR_LOCKED)
                status = stop_all(stop_file, error);
        }
        apd_team_broadcast(groups->team, &stop, (int64_t)sizeof stop);
        status = apd_team_agree(groups->team, status, error);
        free(folder);
    }
    *stopped = stop;
    free(stop_file);
    free(tried);
    return status;
}
