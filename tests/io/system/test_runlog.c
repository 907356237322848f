/* The run's folder: lines of metrics.jsonl, and what a failing disk leads to. */
#include "io/system/file.h"
#include "io/system/runlog.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static int remove_folder(void **state) {
    static const char *const names[] = {"metrics.jsonl", "plain"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)remove(in_folder(names[i]));
    return rmdir(folder);
}

static void assert_message(const apd_error *error, const char *format, const char *path) {
    char expected[512];
    size_t head = (size_t)(strchr(format, '@') - format);
    (void)snprintf(expected, sizeof expected, "%.*s%s%s", (int)head, format, path, format + head + 1);
    assert_string_equal(error->message, expected);
}

/* --- metrics.jsonl
 * ------------------------------------------------------------------------------------------ */

static apd_runlog *open_log(void) {
    apd_runlog *log = NULL;
    apd_error error = {0};
    if (apd_runlog_open(folder, &log, &error) != APD_OK)
        fail_msg("%s", error.message);
    return log;
}

static void close_log(apd_runlog *log) {
    apd_error error = {0};
    assert_int_equal(apd_runlog_close(log, &error), APD_OK);
}

static void end_line(apd_runlog *log) {
    apd_error error = {0};
    if (apd_runlog_end(log, &error) != APD_OK)
        fail_msg("%s", error.message);
}

/* The first line of metrics.jsonl without its time, whose form is checked. */
static void read_fields(char *fields, size_t size) {
    char *text = NULL;
    int64_t bytes = 0;
    apd_error error = {0};
    int year, month, day, hour, minute, second, thousandth, used = 0;
    assert_int_equal(apd_read_file(in_folder("metrics.jsonl"), 4096, &text, &bytes, &error), APD_OK);
    char *time = strstr(text, "\"time\": ");
    assert_non_null(time);
    int read = sscanf(time, "\"time\": \"%4d-%2d-%2dT%2d:%2d:%2d.%3dZ\"%n", &year, &month, &day, &hour,
                      &minute, &second, &thousandth, &used);
    assert_true(read == 7 && used > 0);
    assert_true(year >= 2024 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23);
    (void)snprintf(fields, size, "%s", time + used);
    free(text);
}

static void runlog_line_holds_escaped_texts_and_exact_numbers(void **state) {
    (void)state;
    char fields[512];
    apd_runlog *log = open_log();
    apd_runlog_begin(log, "step");
    apd_runlog_text(log, "q\"k", "a\"b\\c\n\t\x01\x7f/é");
    apd_runlog_text(log, "bad", "x\xff\xc3(");
    apd_runlog_text(log, "empty", "");
    apd_runlog_integer(log, "least", INT64_MIN);
    apd_runlog_number(log, "tenth", 0.1);
    apd_runlog_number(log, "nan", (double)NAN);
    apd_runlog_number(log, "inf", -INFINITY);
    end_line(log);
    close_log(log);
    read_fields(fields, sizeof fields);
    assert_string_equal(fields, ", \"q\\\"k\": \"a\\\"b\\\\c\\u000a\\u0009\\u0001\\u007f/é\", "
                                "\"bad\": \"x\\ufffd\\ufffd(\", \"empty\": \"\", "
                                "\"least\": -9223372036854775808, \"tenth\": 0.10000000000000001, "
                                "\"nan\": null, \"inf\": null}\n");
}

static int count_lines(void) {
    char *text = NULL;
    int64_t bytes = 0;
    int lines = 0;
    apd_error error = {0};
    assert_int_equal(apd_read_file(in_folder("metrics.jsonl"), 4096, &text, &bytes, &error), APD_OK);
    for (char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    free(text);
    return lines;
}

static void runlog_end_puts_each_line_in_the_file_at_once(void **state) {
    (void)state;
    apd_runlog *log = open_log();
    for (int i = 1; i <= 3; i++) {
        apd_runlog_begin(log, "epoch");
        assert_int_equal(count_lines(), i - 1);
        end_line(log);
        assert_int_equal(count_lines(), i);
    }
    close_log(log);
    log = open_log(); /* a second launch appends to the same file */
    apd_runlog_begin(log, "epoch");
    end_line(log);
    close_log(log);
    assert_int_equal(count_lines(), 4);
}

static void runlog_open_ends_a_line_that_a_killed_run_left_half(void **state) {
    (void)state;
    put("metrics.jsonl", "{\"event\": \"st");
    apd_runlog *log = open_log();
    apd_runlog_begin(log, "start");
    end_line(log);
    apd_runlog_begin(log, "step");
    end_line(log);
    close_log(log);
    char *text = NULL;
    int64_t bytes = 0;
    apd_error error = {0};
    assert_int_equal(apd_read_file(in_folder("metrics.jsonl"), 4096, &text, &bytes, &error), APD_OK);
    const char *half = "{\"event\": \"st\n{\"event\": \"start\"";
    assert_memory_equal(text, half, strlen(half));
    free(text);
    assert_int_equal(count_lines(), 3);
}

static void runlog_end_without_space_names_file_and_goes_on(void **state) {
    (void)state;
    assert_int_equal(symlink("/dev/full", in_folder("metrics.jsonl")), 0);
    apd_runlog *log = open_log();
    for (int i = 0; i < 2; i++) {
        apd_error error = {0};
        apd_runlog_begin(log, "step");
        assert_int_equal(apd_runlog_end(log, &error), APD_ERROR_IO);
        assert_message(&error, "@: cannot write: No space left on device", in_folder("metrics.jsonl"));
    }
    close_log(log);
}

static void runlog_open_below_a_file_says_so(void **state) {
    (void)state;
    apd_runlog *log = NULL;
    apd_error error = {0};
    put("plain", "x");
    assert_int_equal(apd_runlog_open(in_folder("plain/run"), &log, &error), APD_ERROR_IO);
    assert_message(&error, "@: cannot make the folder: a file of that name is there", in_folder("plain"));
    assert_null(log);
}

static void runlog_close_takes_null(void **state) {
    (void)state;
    assert_int_equal(apd_runlog_close(NULL, NULL), APD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runlog_line_holds_escaped_texts_and_exact_numbers, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(runlog_end_puts_each_line_in_the_file_at_once, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(runlog_open_ends_a_line_that_a_killed_run_left_half, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(runlog_end_without_space_names_file_and_goes_on, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(runlog_open_below_a_file_says_so, make_folder, remove_folder),
        cmocka_unit_test(runlog_close_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
