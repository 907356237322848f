/* Many commits of one run: what is written, what stays, what goes; a task half way; damage to the newest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_cases.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/store.h"
#include "io/saving/plan.h"
#include "method/clustering/consolidate.h"
#include "method/clustering/recentre.h"
#include "method/solvers/retroactive_update.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Files in the fixture's folder of segments, and bytes of them. Local. */
static int count_segments(const fixture *f, int64_t *bytes) {
    char path[360];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/segments", f->store);
    DIR *opened = opendir(path);
    *bytes = 0;
    for (struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL;) {
        struct stat facts;
        if (entry->d_name[0] == '.' || fstatat(dirfd(opened), entry->d_name, &facts, 0) != 0)
            continue;
        count++;
        *bytes += (int64_t)facts.st_size;
    }
    if (opened != NULL)
        (void)closedir(opened);
    return count;
}

static void saved_and_equal(fixture *f) {
    apd_error error = {0};
    bool equal = false;
    apd_status status = save(f, &error);
    if (status == APD_OK)
        status = load_and_compare(f, f->newest, &equal, &error);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    assert_agreed(team, status == APD_OK && equal && is_tidy(f));
}

/* One more task of the kind PLAIN at the end. */
static void add_task(fixture *f) {
    apd_run_state *state = &f->state;
    int tasks = state->task_count;
    apd_accuracies_add_task(&state->accuracies);
    state->accuracies.now[tasks] = 1.0 / (1 + tasks);
    if (tasks > 0 &&
        f->decomposition->tasks[tasks - 1] != NULL) /* a forgotten task stays without accuracies */
        state->accuracies.now[tasks - 1] = 0.5 / tasks;
    state->records =
        apd_reallocate(state->records, tasks, tasks + 1, sizeof *state->records, "the tasks' records");
    make_record(&state->records[tasks], PLAIN);
    state->records[tasks].id = tasks;
    state->task_count++;
    apd_decomposition_append(f->decomposition, make_part(f->decomposition, PLAIN, class_count(PLAIN)));
}

static void forget_task(fixture *f, int task) {
    apd_task_record *record = &f->state.records[task];
    (void)apd_forget(f->decomposition, task);
    free(record->classes);
    record->classes = NULL;
    record->class_count = 0;
    record->normalisation = (apd_normalisation){{0}, {0}};
    apd_accuracies_forget(&f->state.accuracies, task);
}

/* Sweeping for no commit removes every part, and a probe, and nothing else. */
static void names_are_found_again_and_nothing_else_is(void **state) {
    (void)state;
    static const char *const others[] = {
        "000000-0.h5",     "1-0.h5",       "-00001-0.h5",   "+00001-0.h5",     " 00001-0.h5",
        "000001-0.h5x",    "000001-0.H5",  "000001-0",      "000001-0.h5.tmp", "0000099999999999-0.h5",
        "000001-01.h5",    "000001--1.h5", "000001-.h5",    "000001-+1.h5",    "000001-99999999999.h5",
        "000001-tasks.h5", "probe-12345",  "probe-1234567", "a-probe-123456"};
    enum { OTHERS = sizeof others / sizeof others[0] };
    fixture f = begin(small_empty, "names.h5");
    if (apd_team_rank(team) == 0) {
        char path[400], name[48];
        int64_t bytes;
        apd_error error = {0};
        assert_int_equal(apd_store_begin(f.newest, &error), APD_OK);
        for (int commit = 1; commit < 200000000; commit = commit * 9 + 1)
            for (int part = 0; part < 200000000; part = part * 11 + 1) {
                apd_store_part_name(commit, part, name);
                (void)snprintf(path, sizeof path, "%s/%s", f.store, name);
                assert_false(exists(path));
                write_bytes(path, (const unsigned char *)"", 0);
            }
        (void)snprintf(path, sizeof path, "%s/segments/probe-1a_Z.9", f.store);
        write_bytes(path, (const unsigned char *)"", 0);
        assert_true(count_segments(&f, &bytes) > 50);
        for (int i = 0; i < OTHERS; i++) {
            (void)snprintf(path, sizeof path, "%s/segments/%s", f.store, others[i]);
            write_bytes(path, (const unsigned char *)"", 0);
        }
        assert_int_equal(apd_store_sweep(f.newest, NULL, NULL, &error), APD_OK);
        assert_int_equal(count_segments(&f, &bytes), OTHERS);
        for (int i = 0; i < OTHERS; i++) {
            (void)snprintf(path, sizeof path, "%s/segments/%s", f.store, others[i]);
            assert_int_equal(unlink(path), 0);
        }
    }
    apd_team_barrier(team);
    end(&f);
}

static void save_task_after_task_writes_the_new_one_alone(void **state) {
    (void)state;
    fixture f = begin(small_empty, "grow.h5");
    int64_t first = 0, bytes;
    saved_and_equal(&f);
    for (int t = 0; t < 20; t++) {
        add_task(&f);
        saved_and_equal(&f);
        if (t == 4)
            first = f.state.written;
        /* a link, a record, its place and its part for each earlier task */
        assert_agreed(team, t < 5 || f.state.written < first + 2500 + t * 500);
    }
    /* a part a task, and sigma of this commit and the one before */
    assert_agreed(team, count_segments(&f, &bytes) == 22);
    end(&f);
}

/* On rank 0: two runs' files have the same bytes. */
static bool same_file(const fixture *f, const fixture *g) {
    int64_t left, right;
    unsigned char *a = read_bytes(f->newest, &left), *b = read_bytes(g->newest, &right);
    bool equal = left == right && memcmp(a, b, (size_t)left) == 0;
    free(a);
    free(b);
    return equal;
}

/* Links that are kept from commit to commit and links that are made anew give the same files, whatever happens to
 * tasks. */
static void links_kept_are_those_made_anew(void **state) {
    (void)state;
    int usual = apd_links_set_lot(3), kept = 0;
    fixture both[2] = {begin(small_empty, "kept.h5"), begin(small_empty, "anew.h5")};
    for (int k = 0; k < 14; k++) {
        const apd_links *before = both[0].state.links;
        for (int i = 0; i < 2; i++) {
            fixture *f = &both[i];
            if (k == 6)
                forget_task(f, 1);
            else if (k == 8)
                f->decomposition->tasks[4]->changed = true;
            else
                add_task(f);
            if (i == 1) {
                apd_links_destroy(f->state.links);
                f->state.links = NULL;
            }
            saved_and_equal(f);
        }
        assert_agreed(team, apd_team_rank(team) != 0 || same_file(&both[0], &both[1]));
        kept += before != NULL && both[0].state.links == before;
        /* a forgotten task, a task written anew and every third task need new ones */
        bool anew = k == 6 || k == 8 || both[0].state.task_count % 3 == 0;
        assert_agreed(team, apd_team_rank(team) != 0 || k == 0 || anew || both[0].state.links == before);
    }
    assert_agreed(team, apd_team_rank(team) != 0 || kept > 4);
    end(&both[0]);
    end(&both[1]);
    (void)apd_links_set_lot(usual);
}

/* How many parts this commit wrote, and how many of them hold tasks. */
static void count_parts(fixture *f, int *all, int *of_tasks) {
    bool holds[1024] = {false};
    *all = *of_tasks = 0;
    for (int p = 0; p < f->state.part_count; p++)
        *all += f->state.parts[p].commit == f->state.commit;
    for (int t = 0; t < f->state.task_count; t++) {
        const apd_home *home = &f->state.records[t].home;
        if (home->commit == f->state.commit) {
            *of_tasks += !holds[home->part];
            holds[home->part] = true;
        }
    }
}

/* Parts are cut by what items hold, so there are as many of them at every P; a task that changes alone leaves the
 * parts of the others where they are, and one of which half is superseded is given up. */
static void save_in_parts_loads_and_only_what_changed_is_written_again(void **state) {
    (void)state;
    int64_t last = apd_commit_plan_set_part_bytes(20000);
    fixture f = begin(large_run, "parts.h5");
    int64_t bytes;
    int first, parts, all, tasks;
    saved_and_equal(&f);
    count_parts(&f, &first, &parts);
    int shared = first - parts;
    assert_agreed(team, parts >= 3 && shared >= 3 && count_segments(&f, &bytes) == first);
    f.decomposition->tasks[PLAIN]->changed = true;
    saved_and_equal(&f);
    count_parts(&f, &all, &tasks);
    assert_agreed(team, tasks == 1 && all == shared + 1);
    assert_agreed(team, count_segments(&f, &bytes) == first + shared + 1);
    for (int t = 0; t < f.state.task_count; t++)
        if (f.decomposition->tasks[t] != NULL)
            f.decomposition->tasks[t]->changed = true;
    saved_and_equal(&f);
    count_parts(&f, &all, &tasks);
    assert_agreed(team, tasks == parts && all == first);
    saved_and_equal(&f); /* the one before goes */
    count_parts(&f, &all, &tasks);
    assert_agreed(team, tasks == 0 && all == shared && count_segments(&f, &bytes) == first + shared);
    forget_task(&f, FULL);
    saved_and_equal(&f);
    end(&f);
    (void)apd_commit_plan_set_part_bytes(last);
}

/* On rank 0: both runs' folders have the same parts, byte for byte, and the same checkpoint.h5. */
static bool same_files(const fixture *f, const char *other_store) {
    char path[400], other[400];
    int count = 0;
    bool equal = true;
    for (int p = -1; p < f->state.part_count && equal; p++) {
        const apd_part_record *part = p < 0 ? NULL : &f->state.parts[p];
        int64_t left, right;
        char name[48] = "checkpoint.h5";
        if (part != NULL)
            apd_store_part_name(part->commit, part->part, name);
        (void)snprintf(path, sizeof path, "%s/%s", f->store, name);
        (void)snprintf(other, sizeof other, "%s/%s", other_store, name);
        unsigned char *a = read_bytes(path, &left), *b = read_bytes(other, &right);
        equal = left > 0 && left == right && memcmp(a, b, (size_t)left) == 0;
        equal = equal && (part == NULL || part->bytes == left);
        free(a);
        free(b);
        count++;
    }
    return equal && count > 1;
}

/* The same run by a single rank: what the tests below do to `f`, in a folder of its own. */
static fixture begin_alone(apd_team *self, sketch s) {
    fixture f = {.state = make_state(&s)};
    apd_error error = {0};
    assert_int_equal(apd_partition_init(&f.partition, SHARDS, apd_team_size(self), 0, &error), APD_OK);
    apd_rows *rows = apd_partition_slice(&f.partition, s.layout);
    f.decomposition = make_decomposition(&s, rows);
    free(rows);
    place(f.path, sizeof f.path, "by-one.h5");
    (void)snprintf(f.store, sizeof f.store, "%s.run", f.path);
    (void)snprintf(f.newest, sizeof f.newest, "%s/checkpoint.h5", f.store);
    (void)mkdir(f.store, 0777);
    return f;
}

static void change_for_round(fixture *f, int round) {
    if (round == 1)
        f->decomposition->tasks[PLAIN]->changed = true;
    if (round == 2)
        add_task(f);
    if (round == 3)
        forget_task(f, FULL);
    if (round == 4)
        for (int t = 0; t < f->state.task_count; t++)
            if (f->decomposition->tasks[t] != NULL)
                f->decomposition->tasks[t]->changed = true;
}

/* Names and bytes of all files are those that one rank writes, however small the parts are. */
static void save_any_number_of_ranks_gives_the_parts_of_one(void **state) {
    (void)state;
    const int64_t sizes[] = {1, 20000};
    apd_team *self = apd_team_split(team, apd_team_rank(team) == 0 ? 0 : -1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t last = apd_commit_plan_set_part_bytes(sizes[i]);
        fixture f = begin(large_run, "by-all.h5"), alone = {0};
        if (apd_team_rank(team) == 0)
            alone = begin_alone(self, large_run);
        for (int round = 0; round < 5; round++) {
            bool equal = true;
            apd_error error = {0};
            change_for_round(&f, round);
            saved_and_equal(&f);
            if (apd_team_rank(team) == 0) {
                int64_t left, right;
                change_for_round(&alone, round);
                equal = apd_checkpoint_save(self, &alone.partition, alone.newest, alone.decomposition,
                                            &alone.state, NULL, &error) == APD_OK;
                equal = equal && same_files(&f, alone.store) && f.state.part_count == alone.state.part_count;
                equal = equal && count_segments(&f, &left) == count_segments(&alone, &right) && left == right;
            }
            assert_agreed(team, equal);
        }
        if (apd_team_rank(team) == 0) {
            apd_decomposition_destroy(alone.decomposition);
            apd_run_state_clear(&alone.state);
            assert_int_equal(apd_checkpoint_remove(alone.newest, NULL), APD_OK);
            assert_int_equal(rmdir(alone.store), 0);
        }
        end(&f);
        (void)apd_commit_plan_set_part_bytes(last);
    }
    if (apd_team_rank(team) == 0)
        apd_team_destroy(self);
}

/* A relative path leads odd ranks elsewhere, as a folder that is not shared would. */
static void save_where_some_ranks_do_not_see_the_folder_is_written_by_the_others(void **state) {
    (void)state;
    int64_t last = apd_commit_plan_set_part_bytes(20000);
    fixture f = begin(large_run, "unseen.h5");
    char here[4096], whole[sizeof f.newest];
    int all, tasks;
    assert_agreed(team, getcwd(here, sizeof here) != NULL);
    assert_agreed(team, chdir(apd_team_rank(team) % 2 == 0 ? f.store : "/proc") == 0);
    memcpy(whole, f.newest, sizeof whole);
    (void)snprintf(f.newest, sizeof f.newest, "checkpoint.h5");
    saved_and_equal(&f);
    count_parts(&f, &all, &tasks);
    assert_agreed(team, tasks >= 3);
    memcpy(f.newest, whole, sizeof whole);
    assert_agreed(team, chdir(here) == 0);
    end(&f);
    (void)apd_commit_plan_set_part_bytes(last);
}

/* Odd ranks find parts of the same names at the same relative path, which are another run's; or nothing at all. */
static void load_where_some_ranks_do_not_see_the_folder_is_read_by_the_others(void **state) {
    (void)state;
    int64_t last = apd_commit_plan_set_part_bytes(20000);
    fixture f = begin(large_run, "seen.h5"), other = begin(large_run, "mistaken.h5");
    const char *const elsewhere[] = {other.store, "/proc"};
    char here[4096];
    saved_and_equal(&f);
    other.decomposition->tasks[FULL]->changed = true;
    for (int b = 0; b < 3; b++)
        for (int64_t i = 0; i < apd_local_rows(other.decomposition, b) * large_blocks[b].cols; i++)
            other.decomposition->sigma[b][i] = 0.5F;
    saved_and_equal(&other);
    assert_agreed(team, getcwd(here, sizeof here) != NULL && f.state.commit == other.state.commit);
    for (int i = 0; i < 2; i++) {
        apd_error error = {0};
        bool equal = false;
        assert_agreed(team, chdir(apd_team_rank(team) % 2 == 0 ? f.store : elsewhere[i]) == 0);
        assert_agreed(team, load_and_compare(&f, "checkpoint.h5", &equal, &error) == APD_OK && equal);
        assert_agreed(team, chdir(here) == 0);
    }
    end(&f);
    end(&other);
    (void)apd_commit_plan_set_part_bytes(last);
}

/* A part that went is no damage of its item alone: every rank says the same, whichever found it. */
static void load_with_a_part_missing_fails_on_all_ranks_alike(void **state) {
    (void)state;
    int64_t last = apd_commit_plan_set_part_bytes(20000);
    fixture f = begin(large_run, "gone.h5");
    saved_and_equal(&f);
    for (int i = 0; i < 3; i++) { /* the first, one between, the last */
        int p = i * (f.state.part_count - 1) / 2;
        char *path = apd_store_part(f.newest, f.state.parts[p].commit, p), aside[400], first[1024];
        apd_error error = {0};
        bool equal = false;
        (void)snprintf(aside, sizeof aside, "%s.aside", path);
        assert_agreed(team, apd_team_rank(team) != 0 || rename(path, aside) == 0);
        assert_agreed(team, load_and_compare(&f, f.newest, &equal, &error) == APD_ERROR_DATA && !equal);
        assert_agreed(team, strstr(error.message, path) != NULL);
        memcpy(first, error.message, sizeof first);
        apd_team_broadcast(team, first, sizeof first);
        assert_agreed(team, strcmp(first, error.message) == 0);
        assert_agreed(team, apd_team_rank(team) != 0 || rename(aside, path) == 0);
        free(path);
    }
    end(&f);
    (void)apd_commit_plan_set_part_bytes(last);
}

/* The method's own operations say which tasks they changed. */
static void save_after_what_changes_old_tasks_saves_them(void **state) {
    (void)state;
    const int places[] = {PLAIN, NO_TAU, ONE_CLASS, FULL, DENSE_ROWS};
    fixture f = begin(large_run, "change.h5");
    apd_decomposition *d = f.decomposition;
    saved_and_equal(&f);
    for (int b = 0; b < 3; b++) { /* sigma moves here and there */
        int64_t size = apd_local_rows(d, b) * d->layout->blocks[b].cols;
        float *old = apd_allocate(size, sizeof *old, "the former sigma");
        memcpy(old, d->sigma[b], (size_t)size * sizeof *old);
        for (int64_t j = 0; j < size; j += 7)
            d->sigma[b][j] += 0.25F;
        (void)apd_retroactive_update(d, b, old, 0.0);
        free(old);
    }
    saved_and_equal(&f);
    (void)apd_recentre_sigma(d, APD_RULE_MEDIAN);
    saved_and_equal(&f);
    for (int round = 0; round < 2; round++) {
        const int clusters[2][5] = {{0, 0, 1, 1, 2}, {0, 1, 1, 0, 1}};
        for (int b = 0; b < 3; b++) {
            apd_consolidation report = {0};
            apd_consolidate(d, b, places, clusters[round], 5, 3, 0.5, APD_MERGE_PLAIN, &report);
        }
        f.state.consolidations++;
        saved_and_equal(&f);
    }
    forget_task(&f, FULL);
    saved_and_equal(&f);
    end(&f);
}

/* Segments whose groups have mostly been written again elsewhere are given up. */
static void save_again_and_again_does_not_pile_up_segments(void **state) {
    (void)state;
    fixture f = begin(small_run, "pile.h5");
    int64_t bytes, whole = 0;
    saved_and_equal(&f);
    (void)count_segments(&f, &whole);
    for (int i = 0; i < 24; i++) {
        apd_task_part *part = f.decomposition->tasks[i % 3];
        part->changed = true;
        if (apd_local_rows(f.decomposition, 1) > 0)
            part->blocks[1].bias[0] += 1.0F;
        saved_and_equal(&f);
        (void)count_segments(&f, &bytes);
        assert_agreed(team, bytes < 4 * whole);
    }
    end(&f);
}

static void save_after_forgetting_leaves_no_file_that_holds_the_task(void **state) {
    (void)state;
    fixture f = begin(small_run, "forget.h5");
    char former[360];
    saved_and_equal(&f);
    add_task(&f);
    saved_and_equal(&f);
    int before = f.state.commit;
    forget_task(&f, PLAIN);
    saved_and_equal(&f);
    (void)snprintf(former, sizeof former, "%s/checkpoint.previous.h5", f.store);
    assert_agreed(team, !exists(former) && f.state.alone == 1);
    for (int commit = 1; commit <= before; commit++)
        for (int part = 0; part < 4; part++) {
            char *path = apd_store_part(f.newest, commit, part);
            /* the part that the forgotten task never was in may stay */
            assert_agreed(team,
                          !exists(path) || (commit == before && part == f.state.records[TASKS].home.part));
            free(path);
        }
    add_task(&f);
    saved_and_equal(&f);
    assert_agreed(team, exists(former) && f.state.alone == 0);
    end(&f);
}

/* --- which commit is used ----------------------------------------------------------------------------------- */

static void choose_newest_damaged_gives_the_one_before_and_settle_makes_it_the_newest(void **state) {
    (void)state;
    fixture f = begin(small_run, "choose.h5");
    saved_and_equal(&f);
    add_task(&f);
    saved_and_equal(&f);
    if (apd_team_rank(team) == 0) {
        apd_error error = {0};
        char *use = NULL, note[1400];
        apd_run_state read = {0};
        int64_t size = 0;
        assert_int_equal(apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error), APD_OK);
        assert_string_equal(use, f.newest);
        assert_string_equal(note, "");
        free(use);
        char *segment = apd_store_part(f.newest, f.state.commit, 0);
        unsigned char *bytes = read_bytes(segment, &size);
        write_bytes(segment, bytes, size / 2);
        assert_int_equal(apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error), APD_OK);
        assert_non_null(strstr(use, "checkpoint.previous.h5"));
        assert_non_null(strstr(note, segment));
        assert_int_equal(apd_checkpoint_settle(f.newest, use, &error), APD_OK);
        free(use);
        assert_int_equal(apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error), APD_OK);
        assert_string_equal(use, f.newest);
        assert_int_equal(apd_checkpoint_read_state(use, &read, &error), APD_OK);
        assert_int_equal(read.commit, f.state.commit - 1);
        assert_int_equal(read.task_count, f.state.task_count - 1);
        assert_false(exists(segment)); /* nobody refers to it any more */
        apd_run_state_clear(&read);
        free(use);
        free(bytes);
        free(segment);
    }
    apd_team_barrier(team);
    end(&f);
}

static void choose_without_any_commit_gives_none(void **state) {
    (void)state;
    char path[300], note[64], *use = NULL;
    apd_error error = {0};
    place(path, sizeof path, "nothing.h5");
    assert_agreed(team,
                  apd_checkpoint_choose(path, &use, note, sizeof note, &error) == APD_OK && use == NULL);
}

/* From now on `spare` more descriptors can be had; below 0: as many as before. */
static void limit_descriptors(int spare) {
    static rlim_t before;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (spare < 0) {
        limit.rlim_cur = before;
    } else {
        int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(lowest >= 0);
        (void)close(lowest);
        before = limit.rlim_cur;
        limit.rlim_cur = (rlim_t)(lowest + spare);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A commit whose files cannot be opened is neither absent nor damaged, and nothing is deleted: at each number of
 * descriptors that is too small the calls end with REQUEUE (EMFILE), at larger ones they find the newest. */
static void choose_and_settle_without_descriptors_fall_back_on_nothing(void **state) {
    (void)state;
    fixture f = begin(small_run, "descriptors.h5");
    saved_and_equal(&f);
    add_task(&f);
    saved_and_equal(&f);
    if (apd_team_rank(team) == 0) {
        int64_t bytes, bytes_before;
        int segments = count_segments(&f, &bytes_before), refused = 0, settled = 0;
        for (int spare = 0; spare < 8; spare++) {
            apd_error error = {0};
            char *use = NULL, note[1400];
            limit_descriptors(spare);
            apd_status status = apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error);
            apd_status settle = apd_checkpoint_settle(f.newest, f.newest, NULL);
            limit_descriptors(-1);
            assert_true(status == APD_OK || status == APD_REQUEUE);
            assert_true(settle == APD_OK || settle == APD_REQUEUE);
            assert_true((use != NULL) == (status == APD_OK));
            assert_true(use == NULL || strcmp(use, f.newest) == 0);
            assert_string_equal(note, "");
            assert_true(status == APD_OK || strstr(error.message, strerror(EMFILE)) != NULL);
            refused += status == APD_REQUEUE;
            settled += settle == APD_OK;
            assert_int_equal(count_segments(&f, &bytes), segments);
            assert_int_equal(bytes, bytes_before);
            free(use);
        }
        assert_true(refused >= 2 && refused < 8 && settled > 0);
    }
    apd_team_barrier(team);
    end(&f);
}

/* A name that leads in a circle (ELOOP) is no absence: no older commit is taken, none is said to be missing. */
static void choose_newest_that_cannot_be_looked_for_is_an_error(void **state) {
    (void)state;
    fixture f = begin(small_run, "circle.h5");
    saved_and_equal(&f);
    saved_and_equal(&f);
    if (apd_team_rank(team) == 0) {
        apd_error error = {0};
        char *use = NULL, note[1400], aside[400];
        (void)snprintf(aside, sizeof aside, "%s.aside", f.newest);
        assert_int_equal(rename(f.newest, aside), 0);
        assert_int_equal(symlink("checkpoint.h5", f.newest), 0);
        assert_int_equal(apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error), APD_ERROR_IO);
        assert_null(use);
        assert_int_equal(unlink(f.newest), 0);
        error = (apd_error){0};
        assert_int_equal(apd_checkpoint_choose(f.newest, &use, note, sizeof note, &error), APD_OK);
        assert_non_null(strstr(note, "is missing; the commit before is used"));
        free(use);
        assert_int_equal(rename(aside, f.newest), 0);
    }
    apd_team_barrier(team);
    end(&f);
}

/* While the former commit is damaged nobody knows what it needs: its segments stay. Those of a commit that was killed go:
 * their numbers are to be used again. */
static void settle_with_a_damaged_former_commit_deletes_no_segment(void **state) {
    (void)state;
    fixture f = begin(small_run, "former.h5");
    saved_and_equal(&f);
    add_task(&f);
    saved_and_equal(&f);
    if (apd_team_rank(team) == 0) {
        char former[400];
        int64_t size, bytes;
        (void)snprintf(former, sizeof former, "%s/checkpoint.previous.h5", f.store);
        int segments = count_segments(&f, &bytes);
        unsigned char *good = read_bytes(former, &size);
        write_bytes(former, good, size / 3);
        assert_int_equal(apd_checkpoint_settle(f.newest, f.newest, NULL), APD_OK);
        assert_int_equal(count_segments(&f, &bytes), segments);
        char *killed = apd_store_part(f.newest, f.state.commit + 1, 0);
        write_bytes(killed, good, size / 3);
        assert_int_equal(apd_checkpoint_settle(f.newest, f.newest, NULL), APD_OK);
        assert_false(exists(killed));
        assert_int_equal(count_segments(&f, &bytes), segments);
        free(killed);
        free(good);
    }
    apd_team_barrier(team);
    saved_and_equal(&f);
    end(&f);
}

/* --- a task half way ---------------------------------------------------------------------------------------- */

static apd_network *make_network(void) {
    const apd_layer_spec layers[] = {{.kind = APD_LAYER_DENSE, .units = 9}, {.kind = APD_LAYER_RELU}};
    apd_network *network = NULL;
    apd_error error = {0};
    assert_agreed(team,
                  apd_network_create((apd_image_shape){1, 2, 3}, layers, 2, 4, &network, &error) == APD_OK);
    return network;
}

static void fill_arrays(apd_solver *solver, const apd_decomposition *d, float seed) {
    for (int i = 0; i < apd_solver_array_count(solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        for (int64_t r = 0; r < array->rows; r++)
            for (int64_t c = 0; c < array->width; c++) {
                int64_t row = d->rows[array->block].begin + r;
                array->values[r * array->width + c] = number(i, (int)seed, row, c);
                if (array->snapshot != NULL)
                    array->snapshot[r * array->width + c] = number(i + 50, (int)seed, row, c);
            }
    }
}

static bool same_arrays(const apd_solver *a, const apd_solver *b) {
    bool equal = apd_solver_array_count(a) == apd_solver_array_count(b);
    for (int i = 0; equal && i < apd_solver_array_count(a); i++) {
        const apd_solver_array *x = apd_solver_array_at(a, i), *y = apd_solver_array_at(b, i);
        equal = strcmp(x->name, y->name) == 0 && same(x->values, y->values, x->rows * x->width, 4) &&
                (x->snapshot != NULL) == (y->snapshot != NULL) &&
                (x->snapshot == NULL || same(x->snapshot, y->snapshot, x->rows * x->width, 4));
    }
    return equal;
}

/* A run of no task yet, one half way; saved, and loaded by another process's objects. */
static void half_way_comes_back(const apd_method *name, bool kept) {
    apd_network *network = make_network();
    const apd_layout *layout = apd_network_layout(network);
    sketch s = {layout, 0, false, false};
    fixture f = begin(s, "half.h5");
    apd_solver_settings settings = {.lambda1 = 1e-3,
                                    .lambda2 = 100.0,
                                    .mask_init = 0.5,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .epsilon = 1e-8,
                                    .seed = 3};
    apd_solver *solver = apd_solver_create(name, network, f.decomposition, &settings);
    apd_solver_begin_task(solver, 5, 3);
    if (kept)
        apd_solver_snapshot(solver);
    fill_arrays(solver, f.decomposition, 1.0F);
    f.state.half_way = true;
    f.state.training = (apd_training_state){.id = 5,
                                            .epochs = 9,
                                            .epoch = 4,
                                            .step = 2,
                                            .best = 0.25,
                                            .seconds = 1.5,
                                            .epoch_loss = 2.5,
                                            .epoch_correct = 3.0,
                                            .epoch_images = 8.0,
                                            .progress = {.steps = 14, .polishing = 1, .has_snapshot = kept},
                                            .tally_count = 3 * SHARDS};
    f.state.training.tallies = apd_allocate(3 * SHARDS, sizeof(double), "tallies");
    for (int i = 0; i < 3 * SHARDS; i++)
        f.state.training.tallies[i] = 0.5 * i;
    apd_error error = {0};
    apd_run_state read = {0};
    apd_decomposition *loaded = NULL;
    int groups = 0;
    assert_agreed(team, apd_checkpoint_save(team, &f.partition, f.newest, f.decomposition, &f.state, solver,
                                            &error) == APD_OK);
    assert_agreed(team, apd_checkpoint_verify(f.newest, &groups, &error) == APD_OK && groups > 2);
    assert_agreed(team, apd_checkpoint_load(team, &f.partition, f.newest, layout, &loaded, &read, &error) ==
                            APD_OK);
    assert_agreed(team, read.half_way && read.training.id == 5 && read.training.epoch == 4 &&
                            read.training.step == 2 && read.training.progress.steps == 14 &&
                            same(read.training.tallies, f.state.training.tallies, 3 * SHARDS, 8));
    apd_solver *other = apd_solver_create(name, network, loaded, &settings);
    apd_solver_begin_task(other, 5, 3);
    assert_agreed(team, apd_checkpoint_load_training(team, &f.partition, f.newest, &read, other, loaded,
                                                     &error) == APD_OK);
    assert_agreed(team, same_arrays(solver, other));
    assert_agreed(team,
                  apd_solver_progress_of(other).steps == 14 && apd_solver_progress_of(other).polishing == 1);
    apd_solver_destroy(other);
    apd_decomposition_destroy(loaded);
    apd_run_state_clear(&read);
    apd_solver_destroy(solver);
    end(&f);
    apd_network_destroy(network);
}

static void half_way_task_of_every_solver_comes_back(void **state) {
    (void)state;
    half_way_comes_back(apd_method_find("apd"), false);
    half_way_comes_back(apd_method_find("apd"), true);
    half_way_comes_back(apd_method_find("apd-joint"), true);
    half_way_comes_back(apd_method_find("stl"), false);
}

int main(int argc, char **argv) {
    begin_tests(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_again_and_nothing_else_is),
        cmocka_unit_test(save_task_after_task_writes_the_new_one_alone),
        cmocka_unit_test(links_kept_are_those_made_anew),
        cmocka_unit_test(save_in_parts_loads_and_only_what_changed_is_written_again),
        cmocka_unit_test(save_any_number_of_ranks_gives_the_parts_of_one),
        cmocka_unit_test(save_where_some_ranks_do_not_see_the_folder_is_written_by_the_others),
        cmocka_unit_test(load_where_some_ranks_do_not_see_the_folder_is_read_by_the_others),
        cmocka_unit_test(load_with_a_part_missing_fails_on_all_ranks_alike),
        cmocka_unit_test(save_after_what_changes_old_tasks_saves_them),
        cmocka_unit_test(save_again_and_again_does_not_pile_up_segments),
        cmocka_unit_test(save_after_forgetting_leaves_no_file_that_holds_the_task),
        cmocka_unit_test(choose_newest_damaged_gives_the_one_before_and_settle_makes_it_the_newest),
        cmocka_unit_test(choose_without_any_commit_gives_none),
        cmocka_unit_test(choose_and_settle_without_descriptors_fall_back_on_nothing),
        cmocka_unit_test(choose_newest_that_cannot_be_looked_for_is_an_error),
        cmocka_unit_test(settle_with_a_damaged_former_commit_deletes_no_segment),
        cmocka_unit_test(half_way_task_of_every_solver_comes_back),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_tests();
    return failures;
}
