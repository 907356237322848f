#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mpi/watchdog/post.h"
#include "mpi/watchdog/table.h"

/* Four ranks are watched by 0, 2 and 3, in this order, with a limit of 10 s; beats come every second, except
 * from ranks that are stopped. Time begins at 1000 s. */
enum { RANKS = 4 };
static const int watchers[] = {0, 2, 3};

typedef struct world {
    apd_watch_table *table;
    double now;
    bool stopped[RANKS];
    apd_activity activity[RANKS];
    bool moves[RANKS];
    apd_beat beats[RANKS];
    apd_verdict verdicts[APD_VERDICTS_MOST];
    int count, more;
} world;

/* Everybody works and moves. */
static world begin_at(int self) {
    world w = {.now = 1000.0};
    w.table = apd_watch_table_create(RANKS, self, watchers, 3, 10.0, w.now);
    for (int r = 0; r < RANKS; r++) {
        w.moves[r] = true;
        w.beats[r] = (apd_beat){.rank = r, .state = 'R'};
        (void)snprintf(w.beats[r].phase, sizeof w.beats[r].phase, "phase %d", r);
    }
    return w;
}

static void beat(world *w) {
    for (int r = 0; r < RANKS; r++) {
        if (w->stopped[r])
            continue;
        w->beats[r].number++;
        w->beats[r].count += w->moves[r];
        w->beats[r].activity = w->activity[r];
        apd_watch_table_hear(w->table, &w->beats[r], w->now);
    }
}

/* So many seconds go by, a beat and a judgement each; they end early when there is something to say. */
static int pass(world *w, int seconds) {
    for (w->count = 0; seconds > 0 && w->count == 0; seconds--) {
        w->now += 1.0;
        beat(w);
        w->count = apd_watch_table_judge(w->table, w->now, w->verdicts, &w->more);
    }
    return w->count;
}

static void waits(world *w, int rank) {
    w->activity[rank] = APD_WAITS;
    w->moves[rank] = false;
}

#define expect(w, KIND, RANK, SECONDS)                             \
    do {                                                           \
        assert_int_equal((w).count, 1);                            \
        assert_int_equal((w).verdicts[0].kind, (KIND));            \
        assert_int_equal((w).verdicts[0].rank, (RANK));            \
        assert_true((w).verdicts[0].seconds == (double)(SECONDS)); \
    } while (0)

static void judge_all_is_well_says_nothing(void **state) {
    (void)state;
    world w = begin_at(0);
    assert_int_equal(pass(&w, 500), 0);
    waits(&w, 1); /* a rank may wait as long as it likes for those who get on */
    assert_int_equal(pass(&w, 500), 0);
    apd_watch_table_destroy(w.table);
}

static void judge_rank_stops_it_is_named_not_those_who_wait(void **state) {
    (void)state;
    world w = begin_at(0);
    assert_int_equal(pass(&w, 20), 0);
    w.stopped[2] = true;
    waits(&w, 0);
    waits(&w, 1);
    waits(&w, 3);
    assert_int_equal(pass(&w, 9), 0);
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_SILENT, 2, 10);
    assert_int_equal(w.verdicts[0].waiting, 3);
    assert_string_equal(w.verdicts[0].phase, "phase 2");
    /* again when it has lasted twice as long, and twice that */
    (void)pass(&w, 1000);
    expect(w, APD_VERDICT_SILENT, 2, 20);
    (void)pass(&w, 1000);
    expect(w, APD_VERDICT_SILENT, 2, 40);
    assert_int_equal(pass(&w, 15), 0);
    w.stopped[2] = false;
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_OVER, 2, 56);
    /* the others go on too; a later stall is told as soon as the first was */
    for (int r = 0; r < RANKS; r++)
        w.moves[r] = true;
    assert_int_equal(pass(&w, 100), 0);
    w.stopped[2] = true;
    (void)pass(&w, 100);
    expect(w, APD_VERDICT_SILENT, 2, 10);
    apd_watch_table_destroy(w.table);
}

static void judge_rank_stands_while_others_wait_is_named(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 5);
    w.moves[3] = false; /* it is heard, and works at one place */
    w.beats[3].state = 'D';
    assert_int_equal(pass(&w, 100), 0); /* nobody waits: nothing is wrong */
    waits(&w, 0);
    waits(&w, 1);
    (void)pass(&w, 6);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.verdicts[0].kind, APD_VERDICT_STANDS);
    assert_int_equal(w.verdicts[0].rank, 3);
    assert_true(w.verdicts[0].seconds == 105.0 && w.verdicts[0].waiting == 2 && w.verdicts[0].state == 'D');
    assert_int_equal(pass(&w, 100), 0);
    w.moves[3] = true;
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_OVER, 3, 206);
    apd_watch_table_destroy(w.table);
}

/* A rank in a library that may work or wait is never accused, but it does wait for one that stands. */
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
    assert_int_equal(w.verdicts[0].rank, 2);
    assert_int_equal(w.verdicts[0].kind, APD_VERDICT_STANDS);
    apd_watch_table_destroy(w.table);
}

static void judge_all_wait_says_where_each_is(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 3);
    for (int r = 0; r < RANKS; r++) {
        waits(&w, r);
        (void)snprintf(w.beats[r].phase, sizeof w.beats[r].phase, "%s", r == 2 ? "share" : "commit");
    }
    (void)pass(&w, 100);
    expect(w, APD_VERDICT_ALL_WAIT, -1, 10);
    assert_string_equal(w.verdicts[0].phase, "commit (rank 0 and 2 more), share (rank 2)");
    (void)pass(&w, 100);
    expect(w, APD_VERDICT_ALL_WAIT, -1, 20);
    w.moves[1] = true;
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_OVER, -1, 21);
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
    expect(w, APD_VERDICT_SILENT, 1, 10);
    assert_int_equal(pass(&w, 9), 0);
    apd_watch_table_destroy(w.table);
}

/* One of the watchers speaks at any time: the first that the later ones do not miss. */
static void judge_watchers_stop_the_next_one_speaks(void **state) {
    (void)state;
    static const int stopped_first[] = {0, 2};
    for (int self = 0; self < 3; self++)
        for (int down = 0; down <= 2; down++) {
            if (down > self)
                continue; /* a stopped watcher says nothing */
            world w = begin_at(watchers[self]);
            (void)pass(&w, 5);
            for (int i = 0; i < down; i++)
                w.stopped[stopped_first[i]] = true;
            w.stopped[1] = true;
            int count = pass(&w, 15);
            assert_int_equal(count, self == down ? down + 1 : 0);
            if (self == 1 && down == 1) { /* it says the end of what it said, rank 0 being back */
                assert_int_equal(w.verdicts[0].rank, 0);
                w.stopped[0] = w.stopped[1] = false;
                assert_int_equal(pass(&w, 1), 2);
                assert_int_equal(w.verdicts[0].kind, APD_VERDICT_OVER);
                w.stopped[1] = true;
                assert_int_equal(pass(&w, 100), 0);
            }
            apd_watch_table_destroy(w.table);
        }
}

static void judge_never_heard_is_said_once_and_makes_no_watcher_speak(void **state) {
    (void)state;
    world w = begin_at(0);
    w.stopped[3] = true;
    (void)pass(&w, 100);
    expect(w, APD_VERDICT_UNHEARD, 3, 10);
    assert_int_equal(pass(&w, 1000), 0);
    apd_watch_table_destroy(w.table);
    w = begin_at(2);
    w.stopped[0] = w.stopped[3] = true; /* rank 0 may well be speaking: its datagrams do not come through */
    assert_int_equal(pass(&w, 1000), 0);
    apd_watch_table_destroy(w.table);
}

/* The watcher itself was stopped, and with it perhaps the whole job. */
static void forgive_watcher_was_stopped_accuses_nobody(void **state) {
    (void)state;
    world w = begin_at(0);
    (void)pass(&w, 5);
    w.now += 500.0;
    apd_watch_table_forgive(w.table, 499.0, w.now);
    assert_int_equal(apd_watch_table_judge(w.table, w.now, w.verdicts, &w.more), 0);
    w.stopped[2] = true;
    assert_int_equal(pass(&w, 8), 0);
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_SILENT, 2, 10);
    apd_watch_table_destroy(w.table);
}

static void hear_a_beat_twice_or_late_changes_nothing(void **state) {
    (void)state;
    world w = begin_at(0);
    apd_beat old = w.beats[1];
    old.number = 1;
    (void)pass(&w, 5);
    w.stopped[1] = true;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(pass(&w, 1), 0);
        apd_watch_table_hear(w.table, &old, w.now);
        apd_watch_table_hear(w.table, &w.beats[1], w.now);
    }
    (void)pass(&w, 1);
    expect(w, APD_VERDICT_SILENT, 1, 10);
    assert_string_equal(w.verdicts[0].phase, "phase 1");
    apd_watch_table_destroy(w.table);
}

static void judge_many_stop_at_once_a_few_are_named_and_the_rest_counted(void **state) {
    (void)state;
    enum { MANY = 100 };
    static const int first = 0;
    apd_verdict verdicts[APD_VERDICTS_MOST];
    int more = 0;
    apd_watch_table *table = apd_watch_table_create(MANY, 0, &first, 1, 10.0, 0.0);
    for (int r = 0; r < MANY; r++)
        apd_watch_table_hear(table, &(apd_beat){.rank = r, .number = 1, .count = 1}, 1.0);
    for (int second = 2; second < 11; second++) {
        apd_watch_table_hear(table, &(apd_beat){.rank = 0, .number = (uint64_t)second, .count = 1}, second);
        assert_int_equal(apd_watch_table_judge(table, second, verdicts, &more), 0);
    }
    apd_watch_table_hear(table, &(apd_beat){.rank = 0, .number = 11, .count = 2}, 11.0);
    assert_int_equal(apd_watch_table_judge(table, 11.0, verdicts, &more), APD_VERDICTS_MOST);
    assert_int_equal(more, MANY - 1 - APD_VERDICTS_MOST);
    assert_int_equal(apd_watch_table_judge(table, 11.5, verdicts, &more), 0);
    apd_watch_table_destroy(table);
}

static void verdict_text_has_rank_host_pid_phase_and_time(void **state) {
    (void)state;
    apd_verdict v = {.rank = 3, .seconds = 94.6, .waiting = 2, .state = 'D', .phase = "backward"};
    static const struct {
        apd_verdict_kind kind;
        const char *begins, *holds;
    } lines[] = {
        {APD_VERDICT_SILENT,
         "rank 3 on node07 (pid 4711) has not been heard of for 95 s, last seen in phase backward",
         "; 2 ranks wait"},
        {APD_VERDICT_STANDS, "rank 3 on node07 (pid 4711) has been at one place in phase backward for 95 s",
         "2 ranks wait for it: it hangs in the kernel"},
        {APD_VERDICT_UNHEARD, "rank 3 on node07 (pid 4711) has never been heard of", "UDP"},
        {APD_VERDICT_OVER, "rank 3 on node07 goes on after 95 s", ""},
    };
    char text[512];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        v.kind = lines[i].kind;
        apd_verdict_text(&v, "node07", 4711, text, sizeof text);
        assert_ptr_equal(strstr(text, lines[i].begins), text);
        assert_non_null(strstr(text, lines[i].holds));
    }
    v.rank = -1;
    apd_verdict_text(&v, "", 0, text, sizeof text);
    assert_string_equal(text, "all ranks go on after 95 s");
}

/* --- datagrams --------------------------------------------------------------------------------------- */

static void unpack_gives_what_was_packed(void **state) {
    (void)state;
    apd_beat sent = {.rank = 3, .number = 7, .count = 1ULL << 50, .activity = APD_MAY_WAIT, .state = 'D'};
    apd_beat got = {0};
    unsigned char bytes[APD_POST_BYTES];
    (void)snprintf(sent.phase, sizeof sent.phase, "consolidate");
    apd_post_pack(42, &sent, bytes);
    assert_true(apd_post_unpack(bytes, sizeof bytes, 42, 4, &got));
    assert_true(got.rank == 3 && got.number == 7 && got.count == 1ULL << 50 && got.activity == APD_MAY_WAIT &&
                got.state == 'D');
    assert_string_equal(got.phase, "consolidate");
}

static void unpack_a_strangers_datagram_is_refused(void **state) {
    (void)state;
    apd_beat sent = {.rank = 3, .number = 7, .phase = "commit"}, got = {.rank = -7};
    unsigned char bytes[APD_POST_BYTES + 1] = {0};
    apd_post_pack(42, &sent, bytes);
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 43, 4, &got)); /* another run's */
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 42, 3, &got)); /* no such rank */
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES - 1, 42, 4, &got));
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES + 1, 42, 4, &got));
    assert_false(apd_post_unpack(bytes, 0, 42, 4, &got));
    sent.rank = -1;
    apd_post_pack(42, &sent, bytes);
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 42, 4, &got));
    sent.rank = 3;
    memset(sent.phase, 'x', sizeof sent.phase); /* no end */
    apd_post_pack(42, &sent, bytes);
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 42, 4, &got));
    (void)snprintf(sent.phase, sizeof sent.phase, "\033[2J"); /* what a terminal would obey */
    apd_post_pack(42, &sent, bytes);
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 42, 4, &got));
    (void)snprintf(sent.phase, sizeof sent.phase, "commit");
    sent.activity = (apd_activity)3;
    apd_post_pack(42, &sent, bytes);
    assert_false(apd_post_unpack(bytes, APD_POST_BYTES, 42, 4, &got));
    assert_int_equal(got.rank, -7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_all_is_well_says_nothing),
        cmocka_unit_test(judge_rank_stops_it_is_named_not_those_who_wait),
        cmocka_unit_test(judge_rank_stands_while_others_wait_is_named),
        cmocka_unit_test(judge_rank_may_wait_is_not_named),
        cmocka_unit_test(judge_all_wait_says_where_each_is),
        cmocka_unit_test(judge_all_wait_but_one_is_silent_names_the_silent_one),
        cmocka_unit_test(judge_watchers_stop_the_next_one_speaks),
        cmocka_unit_test(judge_never_heard_is_said_once_and_makes_no_watcher_speak),
        cmocka_unit_test(forgive_watcher_was_stopped_accuses_nobody),
        cmocka_unit_test(hear_a_beat_twice_or_late_changes_nothing),
        cmocka_unit_test(judge_many_stop_at_once_a_few_are_named_and_the_rest_counted),
        cmocka_unit_test(verdict_text_has_rank_host_pid_phase_and_time),
        cmocka_unit_test(unpack_gives_what_was_packed),
        cmocka_unit_test(unpack_a_strangers_datagram_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
