/* A second writer beside a commit: its files stay, and a writer that lost its run publishes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "checkpoint_cases.h"
#include "io/system/lock.h"

#include <dirent.h>

static void in_store(const fixture *f, const char *name, char *path, size_t size) {
    (void)snprintf(path, size, "%s/%s", f->store, name);
}

/* How many files the folder of segments has. */
static int count_segments(const fixture *f) {
    char path[400];
    int count = 0;
    in_store(f, "segments", path, sizeof path);
    DIR *opened = opendir(path);
    for (struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL;)
        count += entry->d_name[0] != '.';
    if (opened != NULL)
        (void)closedir(opened);
    return count;
}

/* The lock of rank 0 is the run's; the others have none. */
static apd_lock *take_lock(const fixture *f, bool force) {
    apd_lock *lock = NULL;
    apd_process self;
    apd_error error = {0};
    apd_status status = APD_OK;
    apd_process_self(&self);
    if (apd_team_rank(team) == 0)
        status = apd_lock_open(f->store, &self, 1, force, &lock, &error);
    assert_agreed(team, status == APD_OK);
    return lock;
}

static void leave(const fixture *f, apd_lock *lock) {
    char path[400];
    apd_lock_close(lock);
    in_store(f, "run.lock", path, sizeof path);
    if (apd_team_rank(team) == 0)
        (void)unlink(path);
}

/* A save is refused with the text, and leaves commit and segments as they are. */
static void assert_refused(fixture *f, const char *text) {
    apd_error error = {0};
    int64_t before, after;
    int commit = f->state.commit, segments = count_segments(f);
    apd_team_barrier(team);
    unsigned char *old = read_bytes(f->newest, &before);
    apd_status status = save(f, &error);
    unsigned char *new = read_bytes(f->newest, &after);
    assert_agreed(team, status == APD_ERROR_LOCKED && strstr(error.message, text) != NULL);
    assert_agreed(team, before == after && (before < 0 || memcmp(old, new, (size_t)before) == 0));
    assert_agreed(team, f->state.commit == commit && count_segments(f) == segments && is_tidy(f));
    free(old);
    free(new);
}

static void commit_over_another_writers_segment_is_refused_and_leaves_it(void **state) {
    (void)state;
    static const char *const names[] = {"segments/000014-0.h5", "segments/000014-1.h5"};
    fixture f = begin(large_run, "taken.h5");
    saved(&f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[400];
        int64_t size;
        in_store(&f, names[i], path, sizeof path);
        if (apd_team_rank(team) == 0)
            write_bytes(path, (const unsigned char *)"another's", 9);
        if (f.decomposition->tasks[0] != NULL)
            f.decomposition->tasks[0]->changed = true;
        f.state.shared_moved = true;
        apd_team_barrier(team);
        assert_refused(&f, "another job has made this file");
        unsigned char *bytes = read_bytes(path, &size);
        assert_agreed(team, size == 9 && memcmp(bytes, "another's", 9) == 0);
        free(bytes);
        apd_team_barrier(team);
        if (apd_team_rank(team) == 0)
            assert_int_equal(unlink(path), 0);
        apd_team_barrier(team);
    }
    saved(&f);
    end(&f);
}

static void commit_after_the_lock_was_broken_publishes_nothing(void **state) {
    (void)state;
    apd_error error = {0};
    fixture f = begin(small_run, "broken.h5");
    apd_lock *lock = take_lock(&f, false);
    f.state.lock = lock;
    assert_agreed(team, apd_lock_note(lock, f.newest, &error) == APD_OK);
    saved(&f);
    saved(&f); /* what a commit leaves is what the next expects */
    apd_lock *next = take_lock(&f, true);
    assert_refused(&f, "another job has taken this run over");
    apd_lock_close(lock);
    f.state.lock = next;
    assert_agreed(team, apd_lock_note(next, f.newest, &error) == APD_OK);
    saved(&f);
    leave(&f, next);
    end(&f);
}

static void commit_after_another_writers_publishes_nothing(void **state) {
    (void)state;
    apd_error error = {0};
    char other[400];
    int64_t size;
    fixture f = begin(small_run, "overtaken.h5");
    apd_lock *lock = take_lock(&f, false);
    f.state.lock = lock;
    assert_agreed(team, apd_lock_note(lock, f.newest, &error) == APD_OK);
    saved(&f);
    in_store(&f, "other", other, sizeof other);
    if (apd_team_rank(team) == 0) { /* the same bytes, but not the same file */
        unsigned char *bytes = read_bytes(f.newest, &size);
        write_bytes(other, bytes, size);
        free(bytes);
        assert_int_equal(rename(other, f.newest), 0);
    }
    apd_team_barrier(team);
    assert_refused(&f, "another job has changed this commit");
    leave(&f, lock);
    end(&f);
}

int main(int argc, char **argv) {
    begin_tests(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_over_another_writers_segment_is_refused_and_leaves_it),
        cmocka_unit_test(commit_after_the_lock_was_broken_publishes_nothing),
        cmocka_unit_test(commit_after_another_writers_publishes_nothing),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_tests();
    return failures;
}
