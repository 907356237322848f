#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mpi/watchdog/table.h"

/* Four ranks are watched by 0, 2 and 3, in this order, with a limit of 10 s; states come every second, except from
 * ranks that are stopped. Time begins at 1000 s. */
enum { RANKS = 4, TOKEN = 42, LINES = APD_WATCH_LINES + 1 };
static const apd_rank_name names[RANKS] = {
    {"node00", 100}, {"node01", 101}, {"node02", 102}, {"node03", 103}};

typedef struct world {
    apd_watch_table *table;
    double now;
    bool stopped[RANKS];
    apd_activity activity[RANKS];
    bool moves[RANKS];
    apd_rank_state states[RANKS];
    char lines[LINES][512];
    int count; /* of lines of the last judgement */
} world;

static void keep_line(void *context, const char *line) {
    world *w = context;
    assert_in_range(w->count, 0, LINES - 1);
    (void)snprintf(w->lines[w->count++], sizeof *w->lines, "%s", line);
}

/* All ranks work and move. The table is that of watcher `place`. */
static world begin_at(int place) {
    const apd_watch_setup setup = {.ranks = RANKS,
                                   .names = names,
                                   .token = TOKEN,
                                   .watcher_count = 3,
                                   .watchers = {0, 2, 3},
                                   .place = place,
                                   .limit = 10.0};
    world w = {.now = 1000.0};
    w.table = apd_watch_table_create(&setup, w.now);
    for (int r = 0; r < RANKS; r++) {
        w.moves[r] = true;
        w.states[r] = (apd_rank_state){.token = TOKEN, .rank = r, .main_thread = 'R'};
        (void)snprintf(w.states[r].phase, sizeof w.states[r].phase, "phase %d", r);
    }
    return w;
}

static void hear(world *w) {
    for (int r = 0; r < RANKS; r++) {
        if (w->stopped[r])
            continue;
        w->states[r].number++;
        w->states[r].count += w->moves[r] ? 1U : 0U;
        w->states[r].activity = (uint8_t)w->activity[r];
        apd_watch_table_hear(w->table, &w->states[r], sizeof w->states[r], w->now);
    }
}

/* So many seconds go by, each with new states and a judgement; they end early when there is a line. */
static int pass(world *w, int seconds) {
    for (w->count = 0; seconds > 0 && w->count == 0; seconds--) {
        w->now += 1.0;
        hear(w);
        apd_watch_table_judge(w->table, w->now, keep_line, w);
    }
    return w->count;
}

static void waits(world *w, int rank) {
    w->activity[rank] = APD_WAITS;
    w->moves[rank] = false;
}

/* The last judgement's only line is `line`. */
static void expect(const world *w, const char *line) {
    assert_int_equal(w->count, 1);
    assert_string_equal(w->lines[0], line);
}

#define SILENT(RANK, SECONDS, WAITING)                                                       \
    "rank " #RANK " on node0" #RANK " (pid 10" #RANK ") has not been heard of for " #SECONDS \
    " s, last seen in phase phase " #RANK ": it is stopped, or its node is out of reach; " WAITING

static void judge_all_is_well_reports_nothing(void **state) {
    (void)state;
    world w = begin_at(0);
    assert_int_equal(pass(&w, 500), 0);
    waits(&w, 1); /* a rank may wait as long as it likes for ranks that move */
    assert_int_equal(pass(&w, 500), 0);
    apd_watch_table_destroy(w.table);
}

static void judge_rank_stops_names_it_and_not_those_that_wait(void **state) {
    (void)state;
    world w = begin_at(0);
    assert_int_equal(pass(&w, 20), 0);
    w.stopped[2] = true;
    waits(&w, 0);
    waits(&w, 1);
    waits(&w, 3);
    assert_int_equal(pass(&w, 9), 0);
    (void)pass(&w, 1);
    expect(&w, SILENT(2, 10, "3 ranks wait"));
    /* again when it has lasted twice as long, and twice that */
    (void)pass(&w, 1000);
    expect(&w, SILENT(2, 20, "3 ranks wait"));
    (void)pass(&w, 1000);
    expect(&w, SILENT(2, 40, "3 ranks wait"));
    assert_int_equal(pass(&w, 15), 0);
    w.stopped[2] = false;
    (void)pass(&w, 1);
    expect(&w, "rank 2 on node02 goes on after 56 s");
    /* the others go on too; a later stall is reported as soon as the first was */
    for (int r = 0; r < RANKS; r++)
        w.moves[r] = true;
    assert_int_equal(pass(&w, 100), 0);
    w.stopped[2] = true;
    (void)pass(&w, 100);
    expect(&w, SILENT(2, 10, "0 ranks wait"));
    apd_watch_table_destroy(w.table);
}

static void judge_rank_is_stuck_while_others_wait_names_it(void **state) {
    (void)state;
    static const struct {
        char main_thread;
        const char *text;
    } cases[] = {{'R', "it computes"},
                 {'S', "it sleeps in a system call"},
                 {'D', "it hangs in the kernel, as when a disk or a file server does not answer"},
                 {'?', "what it does is not known"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w = begin_at(0);
        char line[512];
        (void)pass(&w, 5);
        w.moves[3] = false; /* it is heard, and works at one place */
        w.states[3].main_thread = cases[i].main_thread;
        assert_int_equal(pass(&w, 100), 0); /* no rank waits: nothing is wrong */
        waits(&w, 0);
        waits(&w, 1);
        (void)pass(&w, 6);
        (void)snprintf(
            line, sizeof line,
            "rank 3 on node03 (pid 103) has been at one place in phase phase 3 for 105 s, and 2 ranks wait "
            "for it: %s",
            cases[i].text);
        expect(&w, line);
        assert_int_equal(pass(&w, 100), 0);
        w.moves[3] = true;
        (void)pass(&w, 1);
        expect(&w, "rank 3 on node03 goes on after 206 s");
        apd_watch_table_destroy(w.table);
    }
}

/* A rank in a library that may work or wait is never accused, but it does wait for one that is stuck. */
static void judge_rank_may_wait_is_not_named(void **state) {
    (void)state;
    world w = begin_at(0);
    for (int r = 0; r < RANKS; r++) {
        w.activity[r] = APD_MAY_WAIT;
        w.moves[r] = false;
    }
    assert_int_equal(pass(&w, 100), 0);
    w.activity[2] = APD_WORKS;
    (void)pass(&w, 100);
    assert_int_equal(w.count, 1);
    assert_ptr_equal(strstr(w.lines[0], "rank 2 on node02 (pid 102) has been at one place"), w.lines[0]);
    assert_non_null(strstr(w.lines[0], "3 ranks wait for it"));
    apd_watch_table_destroy(w.table);
}

static void judge_all_wait_lists_their_phases(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 3);
    for (int r = 0; r < RANKS; r++) {
        waits(&w, r);
        (void)snprintf(w.states[r].phase, sizeof w.states[r].phase, "%s", r == 2 ? "share" : "commit");
    }
    (void)pass(&w, 100);
    expect(
        &w,
        "all ranks have waited for one another, or for the network, for 10 s, in phase commit (rank 0 and 2 "
        "more), share (rank 2)");
    (void)pass(&w, 100);
    assert_int_equal(w.count, 1);
    assert_non_null(strstr(w.lines[0], "for 20 s"));
    w.moves[1] = true;
    (void)pass(&w, 1);
    expect(&w, "all ranks go on after 21 s");
    apd_watch_table_destroy(w.table);
}

static void judge_all_wait_but_one_is_silent_names_the_silent_one(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 3);
    for (int r = 0; r < RANKS; r++)
        waits(&w, r);
    w.stopped[1] = true; /* in the middle of its own waiting */
    (void)pass(&w, 100);
    expect(&w, SILENT(1, 10, "3 ranks wait"));
    assert_int_equal(pass(&w, 9), 0);
    apd_watch_table_destroy(w.table);
}

/* A stuck rank stops: that is another stall, and reported at once. */
static void judge_stall_of_another_kind_is_reported_when_it_is_due(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 3);
    w.moves[1] = false;
    waits(&w, 2);
    (void)pass(&w, 100);
    assert_non_null(
        strstr(w.lines[0], "has been at one place in phase phase 1 for 10 s, and 1 rank waits for it"));
    w.stopped[1] = true;
    (void)pass(&w, 100);
    expect(&w, SILENT(1, 10, "1 rank waits"));
    apd_watch_table_destroy(w.table);
}

/* One of the watchers reports at any time: the first that is not silent. */
static void judge_watchers_stop_the_next_one_reports(void **state) {
    (void)state;
    static const int stopped_first[] = {0, 2};
    for (int place = 0; place < 3; place++)
        for (int down = 0; down <= place; down++) { /* a stopped watcher reports nothing */
            world w = begin_at(place);
            (void)pass(&w, 5);
            for (int i = 0; i < down; i++)
                w.stopped[stopped_first[i]] = true;
            w.stopped[1] = true;
            assert_int_equal(pass(&w, 15), place == down ? down + 1 : 0);
            if (place == 1 && down == 1) { /* it reports the end of what it reported, rank 0 being back */
                assert_ptr_equal(strstr(w.lines[0], "rank 0 on "), w.lines[0]);
                w.stopped[0] = w.stopped[1] = false;
                assert_int_equal(pass(&w, 1), 2);
                assert_non_null(strstr(w.lines[1], "rank 1 on node01 goes on after "));
                w.stopped[1] = true;
                assert_int_equal(pass(&w, 100), 0);
            }
            apd_watch_table_destroy(w.table);
        }
}

static void judge_never_heard_is_reported_once_and_makes_no_watcher_report(void **state) {
    (void)state;
    world w = begin_at(0);
    w.stopped[3] = true;
    (void)pass(&w, 100);
    expect(
        &w,
        "rank 3 on node03 (pid 103) has never been heard of in 10 s: it is stopped, or no UDP datagrams come "
        "through from there, and then its stalls stay unseen; 0 ranks wait");
    assert_int_equal(pass(&w, 1000), 0);
    w.stopped[3] = false;
    (void)pass(&w, 1);
    assert_int_equal(w.count, 1);
    assert_non_null(strstr(w.lines[0], "rank 3 on node03 goes on after "));
    apd_watch_table_destroy(w.table);
    w = begin_at(1);
    w.stopped[0] = w.stopped[3] = true; /* rank 0 may well report: its datagrams do not come through */
    assert_int_equal(pass(&w, 1000), 0);
    apd_watch_table_destroy(w.table);
}

static void hear_a_state_twice_or_late_changes_nothing(void **state) {
    (void)state;
    world w = begin_at(0);
    apd_rank_state old = w.states[1];
    old.number = 1;
    (void)pass(&w, 5);
    w.stopped[1] = true;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(pass(&w, 1), 0);
        apd_watch_table_hear(w.table, &old, sizeof old, w.now);
        apd_watch_table_hear(w.table, &w.states[1], sizeof old, w.now);
    }
    (void)pass(&w, 1);
    expect(&w, SILENT(1, 10, "0 ranks wait"));
    apd_watch_table_destroy(w.table);
}

static void hear_a_strangers_datagram_changes_nothing(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 5);
    w.stopped[1] = true;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(pass(&w, 1), 0);
        struct {
            apd_rank_state state;
            char more;
        } long_one = {.state = w.states[1]};
        long_one.state.number += 100;
        apd_rank_state good = long_one.state, other_run = good, no_rank = good, negative = good;
        other_run.token++;
        no_rank.rank = RANKS;
        negative.rank = -1;
        apd_watch_table_hear(w.table, &long_one, sizeof good + 1, w.now);
        apd_watch_table_hear(w.table, &good, sizeof good - 1, w.now);
        apd_watch_table_hear(w.table, &good, 0, w.now);
        apd_watch_table_hear(w.table, &good, -1, w.now);
        apd_watch_table_hear(w.table, &other_run, sizeof good, w.now);
        apd_watch_table_hear(w.table, &no_rank, sizeof good, w.now);
        apd_watch_table_hear(w.table, &negative, sizeof good, w.now);
    }
    (void)pass(&w, 1);
    expect(&w, SILENT(1, 10, "0 ranks wait"));
    /* a phase without an end is cut */
    memset(w.states[1].phase, 'x', sizeof w.states[1].phase);
    w.stopped[1] = false;
    assert_int_equal(pass(&w, 1), 1);
    w.stopped[1] = true;
    assert_int_equal(pass(&w, 10), 1);
    assert_non_null(strstr(w.lines[0], "in phase xxxxxxxxxxxxxxxxxxxxxxxxx: "));
    apd_watch_table_destroy(w.table);
}

static void judge_many_stop_at_once_a_few_are_named_and_the_rest_counted(void **state) {
    (void)state;
    enum { MANY = 100 };
    apd_rank_name many[MANY] = {{"", 0}};
    const apd_watch_setup setup = {
        .ranks = MANY, .names = many, .token = TOKEN, .watcher_count = 1, .watchers = {0}, .limit = 10.0};
    world w = {.table = apd_watch_table_create(&setup, 0.0)};
    for (int r = 0; r < MANY; r++) {
        apd_rank_state one = {.token = TOKEN, .rank = r, .number = 1, .count = 1};
        apd_watch_table_hear(w.table, &one, sizeof one, 1.0);
    }
    for (int second = 2; second <= 11; second++) {
        apd_rank_state own = {.token = TOKEN, .number = (uint64_t)second, .count = second > 10 ? 2 : 1};
        apd_watch_table_hear(w.table, &own, sizeof own, second);
        assert_int_equal(w.count, 0);
        apd_watch_table_judge(w.table, second, keep_line, &w);
    }
    assert_int_equal(w.count, APD_WATCH_LINES + 1);
    assert_string_equal(w.lines[APD_WATCH_LINES], "the same of 91 more ranks");
    w.count = 0;
    apd_watch_table_judge(w.table, 11.5, keep_line, &w);
    assert_int_equal(w.count, 0);
    apd_watch_table_destroy(w.table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_all_is_well_reports_nothing),
        cmocka_unit_test(judge_rank_stops_names_it_and_not_those_that_wait),
        cmocka_unit_test(judge_rank_is_stuck_while_others_wait_names_it),
        cmocka_unit_test(judge_rank_may_wait_is_not_named),
        cmocka_unit_test(judge_all_wait_lists_their_phases),
        cmocka_unit_test(judge_all_wait_but_one_is_silent_names_the_silent_one),
        cmocka_unit_test(judge_stall_of_another_kind_is_reported_when_it_is_due),
        cmocka_unit_test(judge_watchers_stop_the_next_one_reports),
        cmocka_unit_test(judge_never_heard_is_reported_once_and_makes_no_watcher_report),
        cmocka_unit_test(hear_a_state_twice_or_late_changes_nothing),
        cmocka_unit_test(hear_a_strangers_datagram_changes_nothing),
        cmocka_unit_test(judge_many_stop_at_once_a_few_are_named_and_the_rest_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
