/* Files and folders that a power loss does not take back: what is written, in which order, and what a refusal leaves. */
#include "io/system/durable.h"
#include "io/system/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static int remove_folder(void **state) {
    static const char *const names[] = {"metrics.jsonl",
                                        "metrics.jsonl.tmp",
                                        "a.txt",
                                        "a.txt.tmp",
                                        "plain",
                                        "plain.tmp",
                                        "a/b/c",
                                        "a/b",
                                        "a",
                                        "taken/x",
                                        "taken"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)remove(in_folder(names[i]));
    return rmdir(folder);
}

static void assert_holds(const char *name, const char *text) {
    char found[1024] = "";
    FILE *file = fopen(in_folder(name), "r");
    assert_non_null(file);
    size_t bytes = fread(found, 1, sizeof found - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(found, text);
}

static bool exists(const char *name) {
    struct stat found;
    return lstat(in_folder(name), &found) == 0;
}

static void assert_message(const apd_error *error, const char *format, const char *path) {
    char expected[512];
    size_t head = (size_t)(strchr(format, '@') - format);
    (void)snprintf(expected, sizeof expected, "%.*s%s%s", (int)head, format, path, format + head + 1);
    assert_string_equal(error->message, expected);
}

/* --- the order of steps ------------------------------------------------------------------------------------- */

/* "fsync a.txt.tmp\n", "rename a.txt.tmp a.txt\n", "mkdir a\n" in the order of the calls; paths below the test's
 * folder, which is ".". */
static char steps[1024];
static int fsync_refusal;

static const char *below(const char *path) {
    size_t length = strlen(folder);
    const char *rest = strncmp(path, folder, length) == 0 ? path + length : path;
    rest += strspn(rest, "/");
    return *rest != '\0' ? rest : ".";
}

static void note_step(const char *step, const char *first, const char *second) {
    size_t length = strlen(steps);
    (void)snprintf(steps + length, sizeof steps - length, "%s %s%s%s\n", step, below(first),
                   second[0] != '\0' ? " " : "", second[0] != '\0' ? below(second) : "");
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file) {
    char link[64], path[256] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    assert_true(readlink(link, path, sizeof path - 1) > 0);
    note_step("fsync", path, "");
    if (fsync_refusal != 0) {
        errno = fsync_refusal;
        return -1;
    }
    return __real_fsync(file);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) {
    note_step("rename", from, to);
    return __real_rename(from, to);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode) {
    int result = __real_mkdir(path, mode);
    if (result == 0)
        note_step("mkdir", path, "");
    return result;
}

static void write_file_syncs_before_the_rename_and_the_folder_after(void **state) {
    (void)state;
    apd_error error = {0};
    steps[0] = '\0';
    assert_int_equal(apd_write_file(folder, "a.txt", "text", 4, &error), APD_OK);
    assert_string_equal(steps, "fsync a.txt.tmp\nrename a.txt.tmp a.txt\nfsync .\n");
    steps[0] = '\0';
    assert_int_equal(apd_append_file(folder, "a.txt", "text", 4, &error), APD_OK);
    assert_string_equal(steps, "fsync a.txt\n");
}

static void make_folder_syncs_the_parent_of_each_new_one(void **state) {
    (void)state;
    apd_error error = {0};
    steps[0] = '\0';
    assert_int_equal(apd_make_folder(in_folder("a/b/c"), &error), APD_OK);
    assert_string_equal(steps, "mkdir a\nfsync .\nmkdir a/b\nfsync a\nmkdir a/b/c\nfsync a/b\n");
    steps[0] = '\0';
    assert_int_equal(apd_make_folder(in_folder("a/b/c"), &error), APD_OK);
    assert_string_equal(steps, "");
}

static void refused_sync_leaves_the_former_file_and_says_whether_to_try_again(void **state) {
    (void)state;
    static const struct {
        int number;
        apd_status status;
    } refusals[] = {{EIO, APD_REQUEUE}, {ENOSPC, APD_ERROR_IO}, {EDQUOT, APD_ERROR_IO}};
    put("a.txt", "former");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        apd_error error = {0};
        steps[0] = '\0';
        fsync_refusal = refusals[i].number;
        assert_int_equal(apd_write_file(folder, "a.txt", "new", 3, &error), refusals[i].status);
        fsync_refusal = 0;
        assert_string_equal(steps, "fsync a.txt.tmp\n");
        assert_holds("a.txt", "former");
        assert_false(exists("a.txt.tmp"));
    }
}

/* Some file systems cannot sync a folder. */
static void sync_that_is_not_to_be_had_is_none(void **state) {
    (void)state;
    apd_error error = {0};
    fsync_refusal = EINVAL;
    assert_int_equal(apd_sync_folder(folder, &error), APD_OK);
    fsync_refusal = EROFS;
    assert_int_equal(apd_sync_folder(folder, &error), APD_ERROR_IO);
    fsync_refusal = 0;
    assert_message(&error, "@: cannot sync the folder: Read-only file system", folder);
}

static void sync_folder_of_takes_paths_of_every_kind(void **state) {
    (void)state;
    apd_error error = {0};
    char here[256];
    assert_non_null(getcwd(here, sizeof here));
    steps[0] = '\0';
    assert_int_equal(apd_sync_folder_of(in_folder("x"), &error), APD_OK);
    assert_int_equal(apd_sync_folder_of(in_folder("x//"), &error), APD_OK);
    assert_string_equal(steps, "fsync .\nfsync .\n");
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(apd_sync_folder_of("x", &error), APD_OK);
    assert_int_equal(chdir(here), 0);
    assert_string_equal(steps, "fsync .\nfsync .\nfsync .\n");
    steps[0] = '\0';
    assert_int_equal(apd_sync_folder_of("/x", &error), APD_OK);
    assert_string_equal(steps, "fsync .\n"); /* "/", which is printed so, too */
}

/* --- folders ------------------------------------------------------------------------------------------------------- */

static void make_folder_makes_those_above_and_accepts_existing(void **state) {
    (void)state;
    struct stat found;
    apd_error error = {0};
    assert_int_equal(apd_make_folder(in_folder("a/b//c/"), &error), APD_OK);
    assert_int_equal(stat(in_folder("a/b/c"), &found), 0);
    assert_true(S_ISDIR(found.st_mode));
    assert_int_equal(apd_make_folder(in_folder("a/b/c"), &error), APD_OK);
    assert_int_equal(apd_make_folder("/", &error), APD_OK);
    assert_string_equal(error.message, "");
}

static void make_folder_without_a_name_or_in_place_of_a_file_fails(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_make_folder("", &error), APD_ERROR_IO);
    assert_string_equal(error.message, "cannot make a folder without a name");
    put("plain", "x");
    error = (apd_error){0};
    assert_int_equal(apd_make_folder(in_folder("plain"), &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot make the folder: a file of that name is there", in_folder("plain"));
}

/* /proc takes no new folders from anyone, root included. */
static void make_folder_where_the_system_refuses_names_it(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_make_folder("/proc/apd/run", &error), APD_ERROR_IO);
    assert_string_equal(error.message, "/proc/apd: cannot make the folder: No such file or directory");
}

/* --- whole files --------------------------------------------------------------------------------------------------- */

static void write_file_replaces_whole_and_leaves_no_temporary(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_write_file(folder, "a.txt", "long first text", 15, &error), APD_OK);
    assert_holds("a.txt", "long first text");
    assert_int_equal(apd_write_file(folder, "a.txt", "short", 5, &error), APD_OK);
    assert_holds("a.txt", "short");
    assert_int_equal(apd_write_file(folder, "a.txt", "", 0, &error), APD_OK);
    assert_holds("a.txt", "");
    assert_false(exists("a.txt.tmp"));
}

static void append_file_adds_to_what_is_there(void **state) {
    (void)state;
    apd_error error = {0};
    put("a.txt", "one\n");
    assert_int_equal(apd_append_file(folder, "a.txt", "two\n", 4, &error), APD_OK);
    assert_int_equal(apd_append_file(folder, "a.txt", "", 0, &error), APD_OK);
    assert_holds("a.txt", "one\ntwo\n");
}

static void append_file_makes_none_and_names_what_fails(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_append_file(folder, "a.txt", "x", 1, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot open: No such file or directory", in_folder("a.txt"));
    assert_false(exists("a.txt"));
    error = (apd_error){0};
    assert_int_equal(symlink("/dev/full", in_folder("a.txt")), 0);
    assert_int_equal(apd_append_file(folder, "a.txt", "x", 1, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot write: No space left on device", in_folder("a.txt"));
    assert_int_equal(remove(in_folder("a.txt")), 0);
}

static void write_file_without_space_keeps_former_file(void **state) {
    (void)state;
    apd_error error = {0};
    put("a.txt", "former");
    assert_int_equal(symlink("/dev/full", in_folder("a.txt.tmp")), 0);
    assert_int_equal(apd_write_file(folder, "a.txt", "new", 3, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot write: No space left on device", in_folder("a.txt.tmp"));
    assert_holds("a.txt", "former");
    assert_false(exists("a.txt.tmp"));
}

static void write_file_over_a_folder_removes_temporary(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(mkdir(in_folder("taken"), 0777), 0);
    assert_int_equal(mkdir(in_folder("taken/x"), 0777), 0);
    assert_int_equal(apd_write_file(folder, "taken", "new", 3, &error), APD_ERROR_IO);
    char start[256];
    (void)snprintf(start, sizeof start, "%s/taken.tmp: cannot rename to %s/taken: ", folder, folder);
    assert_memory_equal(error.message, start, strlen(start));
    assert_false(exists("taken.tmp"));
}

static void write_file_in_missing_folder_or_below_a_file_fails(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_write_file(in_folder("none"), "a.txt", "x", 1, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot make: No such file or directory", in_folder("none/a.txt.tmp"));
    put("plain", "x");
    error = (apd_error){0};
    assert_int_equal(apd_write_file(in_folder("plain"), "a.txt", "x", 1, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot make: Not a directory", in_folder("plain/a.txt.tmp"));
}

static void write_file_in_folder_without_permission_fails(void **state) {
    (void)state;
    apd_error error = {0};
    if (geteuid() == 0) {
        print_message("skipped: root may write everywhere\n");
        skip();
    }
    assert_int_equal(mkdir(in_folder("taken"), 0500), 0);
    assert_int_equal(apd_write_file(in_folder("taken"), "a.txt", "x", 1, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot make: Permission denied", in_folder("taken/a.txt.tmp"));
}

static void read_file_respects_the_limit_exactly(void **state) {
    (void)state;
    const int64_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = NULL;
        int64_t bytes = -1;
        apd_error error = {0};
        char *content = calloc((size_t)sizes[i] + 1, 1);
        assert_non_null(content);
        memset(content, 'z', (size_t)sizes[i]);
        assert_int_equal(apd_write_file(folder, "a.txt", content, sizes[i], &error), APD_OK);
        assert_int_equal(apd_read_file(in_folder("a.txt"), sizes[i], &text, &bytes, &error), APD_OK);
        assert_int_equal(bytes, sizes[i]);
        assert_string_equal(text, content);
        free(text);
        free(content);
        text = NULL;
        if (sizes[i] > 0)
            assert_int_equal(apd_read_file(in_folder("a.txt"), sizes[i] - 1, &text, &bytes, &error),
                             APD_ERROR_DATA);
        assert_null(text);
    }
}

static void read_file_that_is_missing_or_endless_fails(void **state) {
    (void)state;
    char *text = NULL;
    int64_t bytes = 0;
    apd_error error = {0};
    assert_int_equal(apd_read_file(in_folder("none"), 10, &text, &bytes, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot open: No such file or directory", in_folder("none"));
    error = (apd_error){0};
    assert_int_equal(apd_read_file("/dev/zero", 100000, &text, &bytes, &error), APD_ERROR_DATA);
    assert_string_equal(error.message, "/dev/zero is longer than 100000 bytes");
    assert_null(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_file_syncs_before_the_rename_and_the_folder_after, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(make_folder_syncs_the_parent_of_each_new_one, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(refused_sync_leaves_the_former_file_and_says_whether_to_try_again,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(sync_that_is_not_to_be_had_is_none, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(sync_folder_of_takes_paths_of_every_kind, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(make_folder_makes_those_above_and_accepts_existing, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(make_folder_without_a_name_or_in_place_of_a_file_fails, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(make_folder_where_the_system_refuses_names_it, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(write_file_replaces_whole_and_leaves_no_temporary, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(append_file_adds_to_what_is_there, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(append_file_makes_none_and_names_what_fails, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(write_file_without_space_keeps_former_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(write_file_over_a_folder_removes_temporary, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(write_file_in_missing_folder_or_below_a_file_fails, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(write_file_in_folder_without_permission_fails, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(read_file_respects_the_limit_exactly, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(read_file_that_is_missing_or_endless_fails, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
