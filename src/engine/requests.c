#include "engine/requests.h"

#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The last signal of each kind that has not been taken; 0: none. */
static atomic_int asked_to_stop, asked_to_commit;

static void on_signal(int number) {
    atomic_store(number == SIGUSR2 ? &asked_to_commit : &asked_to_stop, number);
}

/* --- the time limit ----------------------------------------------------------------------------------------- */

/* "12:30:00" into up to three numbers; returns how many, 0 for anything else. */
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

/* Seconds from now to the end of the Slurm job that this is part of; INFINITY when there is none. */
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

void apd_requests_begin(apd_requests *requests, const apd_run *run, double time_limit) {
    double now = apd_seconds(), slurm = slurm_seconds_left();
    *requests = (apd_requests){.run = run, .committed = now, .asked = now, .next = 1};
    requests->limit = isfinite(time_limit) ? run->started + time_limit : now + slurm;
    if (isfinite(requests->limit))
        apd_log("time limit%s: %.0f minutes from now; a commit is made and the run stopped before",
                isfinite(time_limit) ? "" : " (the Slurm job's)", (requests->limit - now) / 60.0);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

/* Time enough for a commit that takes twice as long as any so far, and for the longest stretch without a question;
 * but half of the time is always worked. */
static bool limit_is_near(const apd_requests *requests, double now) {
    double margin = 5.0 + requests->longest_gap + 2.0 * requests->longest_commit;
    double most = 0.5 * (requests->limit - requests->run->started);
    return requests->limit - now < (margin < most ? margin : most);
}

/* The file stop is taken: it gets another name. Rank 0. */
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

/* Rank 0's own reasons, beside its signals. */
static apd_request own_reasons(apd_requests *requests, double now) {
    double interval = 60.0 * requests->run->description->checkpoint.minutes;
    if (take_stop_file(requests)) {
        (void)snprintf(requests->reason, sizeof requests->reason, "the file stop");
        return APD_STOP;
    }
    if (limit_is_near(requests, now)) {
        (void)snprintf(requests->reason, sizeof requests->reason, "the time limit in %.0f s",
                       requests->limit - now);
        return APD_STOP;
    }
    if (interval > 0.0 && now - requests->committed >= interval) {
        (void)snprintf(requests->reason, sizeof requests->reason, "checkpoint.minutes");
        return APD_COMMIT;
    }
    return APD_GO_ON;
}

/* Take what came to this rank by signal. What comes later is for the next question. */
static apd_request signalled(int *number) {
    *number = atomic_exchange(&asked_to_stop, 0);
    if (*number != 0)
        return APD_STOP;
    *number = atomic_exchange(&asked_to_commit, 0);
    return *number != 0 ? APD_COMMIT : APD_GO_ON;
}

/* About a fifth of a second, by the steps since the last question. */
static int64_t steps_to_wait(const apd_requests *requests, double now) {
    double each = (now - requests->asked) / (double)(requests->steps > 0 ? requests->steps : 1);
    double steps = each > 0.0 ? 0.2 / each : 1000.0;
    return steps < 1.0 ? 1 : steps > 1000.0 ? 1000 : (int64_t)steps;
}

apd_request apd_requests_check(apd_requests *requests, bool now) {
    requests->steps++;
    if (!now && requests->steps < requests->next)
        return APD_GO_ON;
    const apd_run *run = requests->run;
    double when = apd_seconds();
    int number = 0;
    int64_t answers[3] = {signalled(&number), APD_GO_ON, 0};
    if (when - requests->asked > requests->longest_gap)
        requests->longest_gap = when - requests->asked;
    if (apd_run_speaks(run)) {
        answers[1] = own_reasons(requests, when);
        answers[2] = steps_to_wait(requests, when);
    }
    apd_team_maximum(run->team, answers, 3);
    if (answers[0] > answers[1])
        (void)snprintf(requests->reason, sizeof requests->reason, "%s",
                       answers[0] == APD_COMMIT ? "SIGUSR2"
                       : number == SIGTERM      ? "SIGTERM"
                                                : "SIGUSR1");
    requests->asked = apd_seconds();
    requests->steps = 0;
    requests->next = answers[2];
    return (apd_request)(answers[0] > answers[1] ? answers[0] : answers[1]);
}

void apd_requests_committed(apd_requests *requests, double seconds) {
    atomic_store(&asked_to_commit,
                 0); /* no step was taken since it came: this commit is what was asked for */
    requests->committed = apd_seconds();
    if (seconds > requests->longest_commit)
        requests->longest_commit = seconds;
}
