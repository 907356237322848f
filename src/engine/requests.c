#include "engine/requests.h"

#include "base/log.h"
#include "io/system/file.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The last signal of each kind that no question has taken yet; 0: none. */
static atomic_int asked_to_stop, asked_to_commit;

static void on_signal(int number) {
    atomic_store(number == SIGUSR2 ? &asked_to_commit : &asked_to_stop, number);
}

/* --- the time limit ----------------------------------------------------------------------------------------- */

/* Parse "12:30:00" into at most three numbers. Returns how many; 0 for anything else. */
static int parse_numbers(const char *text, double numbers[3]) {
    int count = 0;
    for (const char *next = text; count < 3; next++) {
        char *end = NULL;
        if (*next < '0' || *next > '9')
            return 0;
        numbers[count++] = (double)strtoul(next, &end, 10);
        if (*end == '\0')
            return count;
        if (*end != ':')
            return 0;
        next = end;
    }
    return 0;
}

apd_status apd_time_limit_parse(const char *text, double *seconds, apd_error *error) {
    double n[3] = {0}, days = 0.0, total = -1.0;
    const char *dash = strchr(text, '-');
    char *end = NULL;
    if (dash != NULL) {
        days = (double)strtoul(text, &end, 10);
        int count = end == dash && text[0] >= '0' && text[0] <= '9' ? parse_numbers(dash + 1, n) : 0;
        if (count > 0)
            total = 86400.0 * days + 3600.0 * n[0] + 60.0 * n[1] + n[2];
    } else {
        int count = parse_numbers(text, n);
        if (count == 3)
            total = 3600.0 * n[0] + 60.0 * n[1] + n[2];
        else if (count > 0)
            total = 60.0 * n[0] + n[1];
    }
    if (!(total > 0.0))
        return apd_fail(error, APD_ERROR_USAGE,
                        "--time-limit %s: must be MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS or "
                        "DAYS-HOURS[:MINUTES[:SECONDS]], more than 0",
                        text);
    *seconds = total;
    return APD_OK;
}

/* Seconds until the end of this Slurm job; INFINITY outside of Slurm. */
static double slurm_seconds_left(void) {
    const char *text = getenv("SLURM_JOB_END_TIME");
    char *end = NULL;
    if (text == NULL)
        return INFINITY;
    double when = strtod(text, &end);
    if (end == text || *end != '\0' || when <= 0.0)
        return INFINITY;
    return when - (double)time(NULL);
}

void apd_requests_catch(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGUSR1, &action, NULL);
    (void)sigaction(SIGUSR2, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* Before any commit was timed: one holds about six arrays of the network's size (sigma and tau, each with its moments),
 * and is written and read back at 20 MB/s or more. */
static double estimate_commit(const apd_run *run) {
    const double rate = 20e6;
    return 6.0 * sizeof(float) * (double)apd_network_layout(run->network)->size / rate;
}

void apd_requests_begin(apd_requests *requests, const apd_run *run, double time_limit, double load_seconds) {
    double now = apd_seconds(), slurm = slurm_seconds_left();
    *requests = (apd_requests){.run = run,
                               .committed = now,
                               .commit_seconds = load_seconds > 0.0 ? load_seconds : estimate_commit(run),
                               .estimated = true,
                               .stretch = APD_STRETCH_BOUNDARY,
                               .asked = now,
                               .next = 1};
    requests->limit = isfinite(time_limit) ? run->started + time_limit : now + slurm;
    if (isfinite(requests->limit))
        apd_log("time limit%s: %.0f minutes from now; the run commits and stops before it",
                isfinite(time_limit) ? "" : " (the Slurm job's)", (requests->limit - now) / 60.0);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

/* Whether the stretch that comes next, and a commit that takes twice as long as any so far, may pass the limit. At
 * least half of the time is worked, however short the limit. */
static bool limit_is_near(const apd_requests *requests, apd_stretch next, double now) {
    double margin = 5.0 + requests->longest[next] + 2.0 * requests->commit_seconds;
    double most = 0.5 * (requests->limit - requests->run->started);
    return requests->limit - now < (margin < most ? margin : most);
}

/* Rename the file stop, if it is there. Rank 0. */
static bool take_stop_file(const apd_requests *requests) {
    char *stop = apd_join_path(requests->run->description->output, "stop");
    char *stopped = apd_join_path(requests->run->description->output, "stopped");
    bool found = access(stop, F_OK) == 0;
    if (found && rename(stop, stopped) != 0)
        apd_warn("%s: cannot rename to %s: %s", stop, stopped, strerror(errno));
    free(stopped);
    free(stop);
    return found;
}

/* Rank 0's reasons beside signals. */
static apd_request own_reasons(apd_requests *requests, apd_stretch next, double now) {
    double interval = 60.0 * requests->run->description->checkpoint.minutes;
    if ((requests->stop_file != NULL && access(requests->stop_file, F_OK) == 0) || take_stop_file(requests)) {
        (void)snprintf(requests->reason, sizeof requests->reason, "the file stop");
        return APD_STOP;
    }
    if (requests->worked && limit_is_near(requests, next, now)) {
        (void)snprintf(requests->reason, sizeof requests->reason, "the time limit in %.0f s",
                       requests->limit - now);
        return APD_STOP;
    }
    if (interval > 0.0 && now - requests->committed >= interval) {
        (void)snprintf(requests->reason, sizeof requests->reason, "checkpoint.minutes");
        return APD_COMMIT;
    }
    if (next == APD_STRETCH_CONSOLIDATION && isfinite(requests->limit) && requests->longest[next] <= 0.0) {
        (void)snprintf(requests->reason, sizeof requests->reason,
                       "a consolidation that may pass the time limit");
        return APD_COMMIT;
    }
    return APD_GO_ON;
}

/* Take the signals that came to this rank so far. */
static apd_request take_signal(int *number) {
    *number = atomic_exchange(&asked_to_stop, 0);
    if (*number != 0)
        return APD_STOP;
    *number = atomic_exchange(&asked_to_commit, 0);
    return *number != 0 ? APD_COMMIT : APD_GO_ON;
}

int apd_requests_signal(void) {
    int number = 0;
    (void)take_signal(&number);
    return number;
}

/* How many steps fill about a fifth of a second, judged by those since the last question; 1 after any other work. */
static int64_t steps_to_wait(const apd_requests *requests, apd_stretch next, double now) {
    if (next != APD_STRETCH_STEPS || requests->stretch != APD_STRETCH_STEPS || requests->steps == 0)
        return 1;
    double each = (now - requests->asked) / (double)requests->steps;
    double steps = each > 0.0 ? 0.2 / each : 1000.0;
    return steps < 1.0 ? 1 : steps > 1000.0 ? 1000 : (int64_t)steps;
}

apd_request apd_requests_ask(apd_requests *requests, apd_stretch next) {
    const apd_run *run = requests->run;
    double now = apd_seconds(), *longest = &requests->longest[requests->stretch];
    int number = 0;
    int64_t answers[3] = {take_signal(&number), APD_GO_ON, 0};
    if (now - requests->asked > *longest)
        *longest = now - requests->asked;
    if (apd_run_speaks(run)) {
        answers[1] = own_reasons(requests, next, now);
        answers[2] = steps_to_wait(requests, next, now);
    }
    apd_team_maximum(run->team, answers, 3);
    if (answers[0] > answers[1])
        (void)snprintf(requests->reason, sizeof requests->reason, "%s",
                       answers[0] == APD_COMMIT ? "SIGUSR2"
                       : number == SIGTERM      ? "SIGTERM"
                                                : "SIGUSR1");
    requests->worked = true;
    requests->stretch = next;
    requests->asked = apd_seconds();
    requests->steps = 0;
    requests->next = answers[2];
    apd_request request = (apd_request)(answers[0] > answers[1] ? answers[0] : answers[1]);
    requests->stops = request == APD_STOP;
    return request;
}

apd_request apd_requests_after_step(apd_requests *requests) {
    requests->steps++;
    return requests->steps < requests->next ? APD_GO_ON : apd_requests_ask(requests, APD_STRETCH_STEPS);
}

void apd_requests_committed(apd_requests *requests, double seconds) {
    atomic_store(&asked_to_commit, 0); /* nothing was computed since it came: this commit answers it */
    requests->committed = requests->asked = apd_seconds();
    if (requests->estimated || seconds > requests->commit_seconds)
        requests->commit_seconds = seconds;
    requests->estimated = false;
}
