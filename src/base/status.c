#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
    error->status = status;
    return status;
}

void apd_fatal(apd_status status, const char *format, ...) {
    char host[64] = "?";
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
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
