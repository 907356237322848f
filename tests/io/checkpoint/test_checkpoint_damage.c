#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_cases.h"
#include "io/checkpoint/part_writer.h"

#include <signal.h>
#include <sys/resource.h>

/* --- damage --------------------------------------------------------------------------------------------- */

static void load_one_byte_flipped_is_found_or_harmless(void **state) {
    (void)state;
    fixture f = begin(small_run, "flip.h5");
    int64_t size = 0;
    unsigned char *bytes = NULL;
    int found = 0;
    saved(&f);
    if (apd_team_rank(team) == 0)
        bytes = read_bytes(f.path, &size);
    apd_random random = apd_random_stream(5, APD_RANDOM_TEST, 1, 0);
    for (int i = 0; i < 200; i++) {
        if (apd_team_rank(team) == 0) {
            int64_t at = apd_random_below(&random, 2 * i, size);
            unsigned char old = bytes[at];
            bytes[at] ^= (unsigned char)(1U << apd_random_below(&random, 2 * i + 1, 8));
            write_bytes(f.path, bytes, size);
            bytes[at] = old;
        }
        apd_error error = {0};
        bool equal;
        apd_status status = load_and_compare(&f, f.path, &equal, &error);
        bool named = strstr(error.message, f.path) != NULL && strchr(error.message, '\n') == NULL;
        assert_agreed(team, status == APD_OK ? equal : !equal && named);
        assert_agreed(team, status == APD_OK || status == APD_ERROR_DATA || status == APD_ERROR_IO);
        found += status != APD_OK;
    }
    assert_agreed(team, found > 100); /* most of the file is in use */
    free(bytes);
    end(&f);
}

static void load_cut_anywhere_is_refused(void **state) {
    (void)state;
    fixture f = begin(small_run, "cut.h5");
    int64_t size = 0;
    unsigned char *bytes = NULL;
    saved(&f);
    if (apd_team_rank(team) == 0)
        bytes = read_bytes(f.path, &size);
    apd_random random = apd_random_stream(6, APD_RANDOM_TEST, 2, 0);
    for (int i = 0; i < 40; i++) {
        if (apd_team_rank(team) == 0)
            write_bytes(f.path, bytes, i == 0 ? 0 : i == 1 ? size - 1 : apd_random_below(&random, i, size));
        apd_error error = {0};
        bool equal;
        apd_status status = load_and_compare(&f, f.path, &equal, &error);
        assert_agreed(team, status == APD_ERROR_DATA && !equal && strstr(error.message, f.path) != NULL);
    }
    free(bytes);
    end(&f);
}

/* A change made with h5py to a copy, and what the complaint must contain once the copy's first lines fit its front again, as
 * they do at once where only an array changed. */
static const struct {
    const char *change, *complaint;
} damages[] = {
    /* the root */
    {"f.attrs['task_count'] = np.int32(2147483647)", "/records/id: has another type or extent"},
    {"f.attrs['task_count'] = np.int32(-1)", "make no sense"},
    {"f.attrs['commit'] = np.int32(5)", "make no sense"},
    {"f.attrs['shards'] = np.int32(0)", "make no sense"},
    {"f.attrs['ending'] = np.int32(3)", "make no sense"},
    {"del f.attrs['seed']; f.attrs['seed'] = np.float32(1)", "/seed: the attribute has another type"},
    {"del f.attrs['seed']; f.attrs['seed'] = np.uint64([1, 2])", "/seed: the attribute has another type"},
    {"del f.attrs['shards']", "/shards: the attribute is missing"},
    {"del f.attrs['digest']", "/digest: the attribute is missing"},
    {"f.attrs['digest'] = np.uint64(5)", "/: damaged"},
    {"del f['layout']", "/layout: missing"},
    {"del f['records']", "/records: missing"},
    {"del f['index/entries']", "/index/entries: missing"},
    {"del f['run_yaml']", "/run_yaml: missing"},
    {"f['layout/rows'][0] = 1 << 62", "/layout: a block's rows or cols"},
    {"f['layout/rows'][0] = 3", "/layout: damaged"},
    {"f['layout/name'][0] = b'a/b'", "/layout: a block's name"},
    {"f['layout/name'][0] = b'x' * f['layout/name'].dtype.itemsize", "/layout/name: a text has no end"},
    /* records, accuracies, the index */
    {"f['records/class_count'][0] = -1", "/records/class_count: a task has fewer classes"},
    {"f['records/class_count'][0] = 7", "/records/class_count: a task has fewer classes"},
    {"f['records/class_count'][0] += 1", "/records/classes: has another type or extent"},
    {"f['records/single'][0] = 9", "/records/class_count"},
    {"f['records/epochs'][0] = 1", "/records: damaged"},
    {"f['records/classes'][0] = 1", "/records: damaged"},
    {"f['records/name'][3] = b'other'", "/records: damaged"},
    {"n = f['records']; del n['id']; n['id'] = np.zeros(6, 'i4')", "/records/id: has another type or extent"},
    {"n = f['records']; del n['id']; n['id'] = np.zeros(7, 'i8')", "/records/id: has another type or extent"},
    {"f['accuracy/ends'][1] = 1 << 40", "/accuracy: the accuracies make no sense"},
    {"f['accuracy/task'][0] = 3", "/accuracy: the accuracies make no sense"},
    {"f['accuracy/value'][0] = 1.5", "/accuracy: the accuracies make no sense"},
    {"f['accuracy/value'][0] = 0.125", "/accuracy: damaged"},
    {"f['index/commit'][0] = 5", "/index: damaged"},
    {"f['index/part'][0] = 0", "/index/part: an item lies in a part that is not listed"},
    {"f['index/part'][0] = -2", "/index/part: an item lies in a part that is not listed"},
    {"f['index/entries'][2] = -1", "/index/entries: an item has fewer entries"},
    {"f['index/code'][2] = -1", "/index/code: an item's code is shorter"},
    {"f['index/code'][2] += 1", "/index: damaged"},
    {"f['index/entries'][2] += 1", "/index: damaged"},
    {"f['index/digest'][2] = 5", "/index: damaged"},
    {"n = f['index']; del n['part']; n['part'] = np.zeros(3, 'i4')",
     "/index/part: has another type or extent"},
    /* clusters */
    {"f['clusters/count'][0] = 2147483647", "/clusters/count: there are fewer clusters"},
    {"f['clusters/count'][0] = -1", "/clusters/count: there are fewer clusters"},
    {"f['clusters/count'][2] = 1", "/clusters/count: there are fewer clusters"},
    {"f['clusters/count'][0] = 4", "/clusters: damaged"},
    {"f['records/groups'][0, 0] = 3", "/records: damaged"},
    {"f.attrs['consolidations'] = np.int32(0)", "/records: damaged"},
    {"f.attrs['consolidations'] = np.int32(-1)", "make no sense"},
    {"del f['groups']", "/groups/dense1/000: missing"},
    {"del f['groups/dense2']", "/groups/dense2/000: missing"},
    {"del f['groups/dense1/002']", "/groups/dense1/002: missing"},
    {"n = f['groups/dense1']; n.move('001', '003')", "/groups/dense1/001: missing"},
    {"n = f['groups/dense1']; n.move('000', 'x'); n.move('001', '000'); n.move('x', '001')",
     "/groups/dense1/000/sigma_g: has another type or extent"},
    {"f['groups/dense2/000/sigma_g'][4] ^= 1", "/groups/dense2/000/sigma_g: not the code"},
    {"f['groups/dense2/000/sigma_g'][12] ^= 1", "/groups/dense2/000: damaged"},
    {"f['groups/dense2/000/sigma_g'][0] = 31", "/groups/dense2/000/sigma_g: not the code"},
    {"f['groups/dense2/000/sigma_g'][0] = 0", "/groups/dense2/000/sigma_g: not the code"},
    {"n = f['groups/dense2/001']; del n['sigma_g']; n['sigma_g'] = np.zeros(1, 'u1')",
     "sigma_g: has another type or extent"},
    {"n = f['groups/dense2/001']; a = n['sigma_g'][()]; del n['sigma_g']; n['sigma_g'] = a.astype('i1')",
     "sigma_g: has another type or extent"},
    {"del f['groups/dense2/001/sigma_g']", "/groups/dense2/001/sigma_g: missing"},
    /* shared parameters and tasks */
    {"del f['shared/dense1']", "/shared/dense1: missing"},
    {"del f['shared/dense2/sigma']", "/shared/dense2/sigma: missing"},
    {"f['shared/dense1/sigma'][1, 1] += 1", "/shared/dense1: damaged"},
    {"n = f['shared/dense1']; a = n['sigma'][()]; del n['sigma']; n['sigma'] = a.T",
     "/shared/dense1/sigma: has another type or extent"},
    {"del f['tasks/000001']", "/tasks/000001: missing"},
    {"f.move('tasks/000001', 'tasks/000009')", "/tasks/000001: missing"},
    {"f.move('tasks/000001', 'x'); f.move('tasks/000005', 'tasks/000001'); f.move('x', 'tasks/000005')",
     "/tasks/000001/tau: has another type or extent"},
    {"del f['tasks/000000/mask']", "/tasks/000000/mask: missing"},
    {"del f['tasks/000000/head']", "/tasks/000000/head/weight: missing"},
    {"del f['tasks/000002/weight']", "/tasks/000002/weight: missing"},
    {"f['tasks/000000/mask'][3] += 1e-6", "/tasks/000000: damaged"},
    {"del f['tasks/000000'].attrs['digest']", "/tasks/000000/digest: the attribute is missing"},
    {"f['tasks/000000'].attrs['digest'] = np.uint64(5)", "/tasks/000000: damaged"},
    {"f['tasks/000000/tau'][0] = 255", "/tasks/000000/tau: not the code"},
    {"f['tasks/000000/tau'][-1] ^= 1", "/tasks/000000/tau: not the code"},
    {"f['tasks/000005/tau'][1] = 160", "/tasks/000005/tau: not the code"}, /* former values of no mask */
    {"f['tasks/000005/tau'][9] ^= 1", "/tasks/000005: damaged"},
    {"n = f['tasks/000000']; del n['tau']; n.create_dataset('tau', (1 << 40,), 'u1', chunks=(1024,))",
     "/tasks/000000/tau: has another type or extent"},
    {"n = f['tasks/000000']; k = n['tau'].shape; del n['tau']; n.create_dataset('tau', k, 'u1', chunks=k)",
     "/tasks/000000/tau: does not lie where"},
    {"n = f['tasks/000000']; k = n['tau'].shape; del n['tau']; n.create_dataset('tau', k, 'u1', "
     "chunks=k, compression='gzip', data=np.ones(k, 'u1'))",
     "/tasks/000000/tau: does not lie where"},
    {"n = f['tasks/000000']; a = n['mask'][()]; del n['mask']; n['mask'] = a.astype('f2')",
     "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.zeros(13)", "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.zeros(13, '>f4')",
     "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.zeros(12, 'f4')",
     "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.float32(1)", "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = h5py.Empty('f4')",
     "mask: has another type or extent"},
    {"n = f['tasks/000000']; del n['mask']; n.create_group('mask')", "/tasks/000000/mask: cannot be opened"},
    /* links: none is followed */
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.SoftLink('/tasks/000000')", "/tasks/000001: missing"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.ExternalLink('/etc/passwd', '/tasks/000001')",
     "/tasks/000001: missing"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.ExternalLink('segments/000001-0.h5', '/tasks/000001')",
     "/tasks/000001: missing"},
    {"del f['shared/dense1']; f['shared/dense1'] = h5py.ExternalLink('segments/000001-0.h5', "
     "'/shared/dense1')",
     "/shared/dense1: missing"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = h5py.SoftLink('/tasks/000003/mask')",
     "/tasks/000000/mask: missing"},
    {"n = f['tasks/000000']; del n['mask']; n.create_dataset('mask', (13,), 'f4', external=[('/etc/passwd', "
     "0, 52)])",
     "/tasks/000000/mask: does not lie where"},
    {"del f['tasks/000000']; f['tasks/000000'] = np.zeros(3)", "/tasks/000000: cannot be opened"},
};
enum { DAMAGES = sizeof damages / sizeof damages[0] };

static bool make_damaged(const char *path) {
    char script[300], command[700];
    place(script, sizeof script, "damage.py");
    FILE *file = fopen(script, "w");
    if (file == NULL)
        return false;
    (void)fprintf(file, "import shutil, h5py, numpy as np\n");
    for (int d = 0; d < DAMAGES; d++)
        (void)fprintf(file, "shutil.copy('%s', '%s.%d')\nwith h5py.File('%s.%d', 'r+') as f:\n    %s\n", path,
                      path, d, path, d, damages[d].change);
    (void)fclose(file);
    (void)snprintf(command, sizeof command, "/usr/bin/python3 '%s'", script);
    bool done = system(command) == 0;
    (void)unlink(script);
    return done;
}

/* Whether the first lines say the size of the file and the digest of its front; `repair`: make them. Rank 0. */
static bool first_lines_fit(const char *path, bool repair) {
    int64_t size, front, bytes;
    int version, commit;
    uint64_t digest;
    char lines[APD_PART_HEADER] = {0};
    unsigned char *file = read_bytes(path, &size);
    assert_int_equal(sscanf((const char *)file,
                            APD_PART_FORMAT " %d commit %d front %" SCNd64 " bytes %" SCNd64
                                            " digest %" SCNx64,
                            &version, &commit, &front, &bytes, &digest),
                     5);
    front = front < size ? front : size;
    digest = apd_digest(file + APD_PART_HEADER, (size_t)(front - APD_PART_HEADER));
    (void)snprintf(lines, sizeof lines,
                   APD_PART_FORMAT " %d\ncommit %d\nfront %" PRId64 "\nbytes %" PRId64 "\ndigest %016" PRIx64
                                   "\n",
                   version, commit, front, size, digest);
    bool fit = memcmp(file, lines, sizeof lines) == 0;
    if (repair) {
        memcpy(file, lines, sizeof lines);
        write_bytes(path, file, size);
    }
    free(file);
    return fit;
}

/* Loading and verifying refuse the file with the same words, which contain `words`. */
static void assert_file_refused(const fixture *f, const char *path, const char *change, const char *words) {
    bool equal;
    int groups = -1;
    apd_error error = {0}, verify_error = {0};
    apd_status status = load_and_compare(f, path, &equal, &error);
    bool named = strstr(error.message, words) != NULL && strstr(error.message, path) != NULL;
    if (!named)
        (void)fprintf(stderr, "%s\n    gives: %s\n", change, error.message);
    assert_agreed(team, status == APD_ERROR_DATA && !equal && named);
    assert_agreed(team, apd_checkpoint_verify(path, &groups, &verify_error) == APD_ERROR_DATA);
    assert_agreed(team, groups == -1 && strcmp(verify_error.message, error.message) == 0);
}

static void load_parts_missing_or_wrong_names_the_part(void **state) {
    (void)state;
    bool skipped = apd_team_rank(team) == 0 && !have_h5py();
    if (apd_team_any(team, skipped)) {
        (void)fprintf(stderr, "skipped: /usr/bin/python3 has no h5py\n");
        skip();
    }
    fixture f = begin(small_run, "parts.h5");
    saved(&f);
    assert_agreed(team, apd_team_rank(team) != 0 || make_damaged(f.path));
    for (int d = 0; d < DAMAGES; d++) {
        char path[320];
        (void)snprintf(path, sizeof path, "%s.%d", f.path, d);
        bool fit = apd_team_rank(team) == 0 && first_lines_fit(path, false); /* arrays lie behind the front */
        if (!apd_team_any(team, fit)) {
            assert_file_refused(&f, path, damages[d].change, "damaged: it");
            apd_team_barrier(team);
            if (apd_team_rank(team) == 0)
                (void)first_lines_fit(path, true);
            apd_team_barrier(team);
        }
        assert_file_refused(&f, path, damages[d].change, damages[d].complaint);
        if (apd_team_rank(team) == 0)
            (void)unlink(path);
    }
    end(&f);
}

static void load_another_network_names_the_block(void **state) {
    (void)state;
    fixture f = begin(small_run, "other.h5");
    apd_decomposition *loaded = NULL;
    apd_run_state read = {0};
    apd_error error = {0};
    apd_block blocks[3] = {small_blocks[0], small_blocks[1], small_blocks[2]};
    apd_layout other = {.block_count = 3, .blocks = blocks};
    blocks[1].cols = 31;
    saved(&f);
    apd_status status = apd_checkpoint_load(team, &f.partition, f.path, &other, &loaded, &read, &error);
    assert_agreed(team, status == APD_ERROR_DATA && loaded == NULL && read.records == NULL);
    assert_agreed(team, strstr(error.message, "dense2 (11 x 30)") != NULL);
    assert_agreed(team, strstr(error.message, "dense2 (11 x 31)") != NULL);
    end(&f);
}

static void load_missing_file_is_an_io_error(void **state) {
    (void)state;
    fixture f = begin(small_empty, "nowhere.h5");
    apd_error error = {0};
    bool equal;
    assert_agreed(team, load_and_compare(&f, f.path, &equal, &error) == APD_ERROR_IO && !equal);
    assert_agreed(team, strstr(error.message, "No such file or directory") != NULL);
    end(&f);
}

/* --- refusals while writing ----------------------------------------------------------------------------- */

/* Files may grow to `bytes`, whichever rank writes them. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        apd_fatal(APD_ERROR_INTERNAL, "the test cannot limit file sizes");
}

/* The largest file of the fixture's commit. */
static int64_t largest_file(const fixture *f) {
    static const char *const names[] = {"checkpoint.h5", "segments/%06d-0.h5", "segments/%06d-1.h5"};
    int64_t largest = 0;
    for (int i = 0; i < 3; i++) {
        char name[64], path[420];
        struct stat facts = {0};
        (void)snprintf(name, sizeof name, names[i], f->state.commit);
        (void)snprintf(path, sizeof path, "%s/%s", f->store, name);
        if (stat(path, &facts) == 0 && (int64_t)facts.st_size > largest)
            largest = (int64_t)facts.st_size;
    }
    return largest;
}

static void save_no_room_at_any_point_keeps_the_former_commit(void **state) {
    (void)state;
    fixture f = begin(large_run, "full.h5");
    saved(&f);
    int64_t size = largest_file(&f), commit = f.state.commit;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i <= 16; i++) {
        apd_error error = {0};
        bool equal = false;
        for (int t = 0; t < f.decomposition->task_count; t++)
            if (f.decomposition->tasks[t] != NULL)
                f.decomposition->tasks[t]->changed = true;
        limit_files((rlim_t)(i == 16 ? size - 1 : size * i / 16));
        apd_status status = save(&f, &error);
        limit_files(RLIM_INFINITY);
        assert_agreed(team, status == APD_ERROR_IO && is_tidy(&f));
        assert_agreed(team,
                      strstr(error.message, f.store) != NULL && strstr(error.message, "cannot ") != NULL);
        assert_agreed(team, strstr(error.message, "File too large") != NULL);
        assert_agreed(team, f.state.commit == commit);
        assert_agreed(team, load_and_compare(&f, f.newest, &equal, &error) == APD_OK && equal);
    }
    saved(&f);
    end(&f);
}

static void save_folder_missing_names_the_step(void **state) {
    (void)state;
    fixture f = begin(small_run, "no-such-folder/file.h5");
    apd_error error = {0};
    assert_agreed(team, save(&f, &error) == APD_ERROR_IO);
    assert_agreed(team, strstr(error.message, "cannot make the folder") != NULL);
    assert_agreed(team, strstr(error.message, "No such file or directory") != NULL);
    end(&f);
}

static void save_onto_a_folder_fails_and_leaves_nothing(void **state) {
    (void)state;
    fixture f = begin(small_run, "folder.h5");
    apd_error error = {0};
    assert_agreed(team, apd_team_rank(team) != 0 || mkdir(f.newest, 0777) == 0);
    assert_agreed(team, save(&f, &error) == APD_ERROR_IO);
    assert_agreed(team, strstr(error.message, "not a regular file") != NULL && is_tidy(&f));
    if (apd_team_rank(team) == 0)
        (void)rmdir(f.newest);
    end(&f);
}

int main(int argc, char **argv) {
    begin_tests(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_one_byte_flipped_is_found_or_harmless),
        cmocka_unit_test(load_cut_anywhere_is_refused),
        cmocka_unit_test(load_parts_missing_or_wrong_names_the_part),
        cmocka_unit_test(load_another_network_names_the_block),
        cmocka_unit_test(load_missing_file_is_an_io_error),
        cmocka_unit_test(save_no_room_at_any_point_keeps_the_former_commit),
        cmocka_unit_test(save_folder_missing_names_the_step),
        cmocka_unit_test(save_onto_a_folder_fails_and_leaves_nothing),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_tests();
    return failures;
}
