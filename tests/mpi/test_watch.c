#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agreed.h"
#include "base/heartbeat.h"
#include "mpi/watchdog/watch.h"

#define LIMIT 1.0 /* seconds; less, and a busy machine is taken for a stopped rank */

static apd_team *team;
static int kept_stderr;
static FILE *caught;

/* From here to catch_end this rank's stderr goes to a file; assertions follow catch_end. */
static void catch_begin(void) {
    (void)fflush(stderr);
    caught = tmpfile();
    kept_stderr = dup(STDERR_FILENO);
    (void)dup2(fileno(caught), STDERR_FILENO);
}

static void catch_end(char *text, size_t size) {
    (void)fflush(stderr);
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    rewind(caught);
    text[fread(text, 1, size - 1, caught)] = '\0';
    (void)fclose(caught);
}

static int lines_with(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static void start_without_limit_or_alone_is_off(void **state) {
    (void)state;
    apd_watch *off = apd_watch_start(team, 0.0);
    assert_agreed(team, off == NULL);
    apd_watch_stop(NULL);
    apd_watch *watch = apd_watch_start(team, 60.0);
    assert_agreed(team, (watch == NULL) == (apd_team_size(team) == 1));
    apd_watch_stop(watch);
}

static void stop_at_once_again_and_again_ends_in_silence(void **state) {
    (void)state;
    char text[4096];
    catch_begin();
    for (int i = 0; i < 50; i++)
        apd_watch_stop(apd_watch_start(team, LIMIT));
    catch_end(text, sizeof text);
    assert_agreed(team, *text == '\0');
}

/* The last rank, then the first, sleeps in a phase of its own while the others wait for it inside MPI. */
static void watch_a_rank_is_stuck_rank_0_names_it(void **state) {
    (void)state;
    int size = apd_team_size(team);
    for (int i = 0; i < 2 && size > 1; i++) {
        int slow = i == 0 ? size - 1 : 0, rank = apd_team_rank(team);
        int64_t pids[8] = {0};
        char text[4096], expected[64];
        pids[rank] = getpid();
        apd_team_sum(team, pids, size);
        apd_watch *watch = apd_watch_start(team, LIMIT);
        catch_begin();
        (void)apd_heartbeat_phase("idle");
        if (rank == slow) {
            (void)apd_heartbeat_phase("commit");
            (void)usleep((useconds_t)(2.5 * 1e6 * LIMIT));
            (void)apd_heartbeat_phase("share");
        }
        apd_team_barrier(team);
        (void)usleep(200000);
        catch_end(text, sizeof text);
        apd_watch_stop(watch);
        (void)snprintf(expected, sizeof expected, "(pid %lld) has been at one place in phase commit",
                       (long long)pids[slow]);
        char begin[32];
        (void)snprintf(begin, sizeof begin, "rank %d on ", slow);
        int named = lines_with(text, expected), all = lines_with(text, "\n");
        bool right = rank != 0 ? all == 0
                               : named >= 2 && all == named + 1 && lines_with(text, begin) == all &&
                                     lines_with(text, " goes on after ") == 1 &&
                                     strstr(text, "sleeps in a system call") != NULL;
        if (!right)
            print_message("rank %d said: %s\n", rank, text);
        assert_agreed(team, right);
    }
}

static void watch_all_wait_reports_it(void **state) {
    (void)state;
    char text[4096];
    if (apd_team_size(team) == 1)
        return;
    apd_watch *watch = apd_watch_start(team, LIMIT);
    catch_begin();
    (void)apd_heartbeat_phase("reduce");
    apd_heartbeat_begin(APD_WAITS);
    (void)usleep((useconds_t)(1.5 * 1e6 * LIMIT));
    apd_heartbeat_end();
    (void)usleep(200000);
    catch_end(text, sizeof text);
    apd_watch_stop(watch);
    assert_agreed(team, apd_team_rank(team) != 0
                            ? *text == '\0'
                            : lines_with(text, "all ranks have waited for one another") == 1 &&
                                  strstr(text, "in phase reduce (rank 0 and ") != NULL &&
                                  lines_with(text, "all ranks go on after ") == 1);
}

int main(int argc, char **argv) {
    team = apd_team_create(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_without_limit_or_alone_is_off),
        cmocka_unit_test(stop_at_once_again_and_again_ends_in_silence),
        cmocka_unit_test(watch_a_rank_is_stuck_rank_0_names_it),
        cmocka_unit_test(watch_all_wait_reports_it),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    apd_team_destroy(team);
    return failures;
}
