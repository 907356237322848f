#include "base/status.h"

#include "base/landing.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fatal_rank = 0;
static void (*fatal_abort)(int exit_code) = NULL;

apd_status apd_fail(apd_error *error, apd_status status, const char *format, ...) {
    if (error == NULL)
        return status;
    if (error->status != APD_OK)
        return error->status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    apd_utf8_clean(error->message);
    error->status = status;
    return status;
}

static bool may_pass(int number) {
    static const int passing[] = {EIO, ESTALE, EMFILE, ENFILE, ENOMEM, EAGAIN};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (number == passing[i])
            return true;
    return false;
}

apd_status apd_fail_errno(apd_error *error, int number, const char *format, ...) {
    char line[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return apd_fail(error, may_pass(number) ? APD_REQUEUE : APD_ERROR_IO, "%s: %s", line, strerror(number));
}

void apd_fatal(apd_status status, const char *format, ...) {
    char host[64] = "?";
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    apd_utf8_clean(line);
    apd_landing_go((int)status, line, "");
    (void)gethostname(host, sizeof host - 1);
    (void)fprintf(stderr, "apd: rank %d on %s: %s\n", fatal_rank, host, line);
    (void)fflush(stderr);
    if (fatal_abort != NULL)
        fatal_abort((int)status);
    _exit((int)status);
}

void apd_fatal_install(int rank, void (*abort_job)(int exit_code)) {
    fatal_rank = rank;
    fatal_abort = abort_job;
}
