/* folder: a temporary folder for the test program that includes this, after cmocka.h. */
#ifndef APD_TESTS_FOLDER_H
#define APD_TESTS_FOLDER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char folder[64];

static inline int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/apd-test-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

/* A path in the folder; valid for 15 more calls. */
static inline const char *in_folder(const char *name) {
    static char paths[16][400];
    static int turn = 0;
    turn = (turn + 1) % 16;
    (void)snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

/* A text file in the folder. */
static inline void put(const char *name, const char *text) {
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A shell command, which must succeed. */
__attribute__((format(printf, 1, 2))) static inline void run(const char *format, ...) {
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    assert_int_equal(system(command), 0);
}

#endif
