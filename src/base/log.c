#include "base/log.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER; /* guards stderr and the variables below */
static bool log_enabled = true;
static FILE *log_file = NULL; /* NULL: stderr */
static bool live_line = false;
static bool over_screen = false;
static double last_drawn = 0.0;

void apd_log_enable(bool enabled) {
    log_enabled = enabled;
}

apd_status apd_log_open(const char *folder, const char *name, apd_error *error) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "ae");
    if (file == NULL)
        return apd_fail_errno(error, errno, "%s: cannot open", path);
    (void)pthread_mutex_lock(&writing);
    log_file = file;
    (void)pthread_mutex_unlock(&writing);
    return APD_OK;
}

void apd_log_close(void) {
    (void)pthread_mutex_lock(&writing);
    if (log_file != NULL)
        (void)fclose(log_file);
    log_file = NULL;
    (void)pthread_mutex_unlock(&writing);
}

double apd_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The terminal that stderr ends at, opened; -1: none. Under mpirun stderr is a pipe that ends at the parent's stderr, so that one
 * is tried, too. */
static int open_terminal(void) {
    char link[64], target[64] = "";
    if (isatty(STDERR_FILENO) != 0)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    (void)snprintf(link, sizeof link, "/proc/%d/fd/2", (int)getppid());
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length > 0 && (strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0))
        return open(target, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    return -1;
}

bool apd_log_terminal(int *lines, int *columns) {
    struct winsize size = {0};
    int terminal = open_terminal();
    if (terminal < 0)
        return false;
    (void)ioctl(terminal, TIOCGWINSZ, &size);
    (void)close(terminal);
    *lines = size.ws_row > 0 ? size.ws_row : 24;
    *columns = size.ws_col > 0 ? size.ws_col : 80;
    return true;
}

static bool draws_on_terminal(void) {
    static int known = -1, lines, columns;
    if (known < 0)
        known = apd_log_terminal(&lines, &columns);
    return known == 1;
}

static void print_line(const char *prefix, const char *format, va_list arguments) {
    char line[2048]; /* one write: lines of other ranks go to the same place */
    (void)pthread_mutex_lock(&writing);
    const bool wipes = live_line || (over_screen && log_file == NULL);
    int length = snprintf(line, sizeof line, "%s%s", wipes ? "\r\033[J" : "", prefix);
    live_line = false;
    (void)vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    apd_utf8_clean(line + length);
    FILE *to = log_file != NULL ? log_file : stderr;
    (void)fprintf(to, "%s\n", line);
    (void)fflush(to);
    (void)pthread_mutex_unlock(&writing);
}

void apd_log(const char *format, ...) {
    if (!log_enabled)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

void apd_warn(const char *format, ...) {
    if (!log_enabled)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_line("warning: ", format, arguments);
    va_end(arguments);
}

void apd_alarm(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

static void draw(const char *format, va_list arguments) {
    double now = apd_seconds();
    (void)pthread_mutex_lock(&writing);
    if (!live_line || now - last_drawn >= 0.1) {
        last_drawn = now;
        live_line = true;
        (void)fputs("\r\033[K", stderr);
        char line[512];
        (void)vsnprintf(line, sizeof line, format, arguments);
        apd_utf8_clean(line);
        (void)fputs(line, stderr);
        (void)fflush(stderr);
    }
    (void)pthread_mutex_unlock(&writing);
}

void apd_progress(const char *format, ...) {
    if (!log_enabled || log_file != NULL || !draws_on_terminal())
        return;
    va_list arguments;
    va_start(arguments, format);
    draw(format, arguments);
    va_end(arguments);
}

void apd_log_over_screen(bool shown) {
    over_screen = shown;
}

void apd_log_screen(const char *text) {
    int count = 0;
    for (const char *end = strchr(text, '\n'); end != NULL; end = strchr(end + 1, '\n'))
        count++;
    char *all = NULL; /* one write: lines of other ranks go to the same place */
    int length = count > 0 ? asprintf(&all, "\r\033[J%s\033[%dA", text, count) : asprintf(&all, "\r\033[J");
    (void)pthread_mutex_lock(&writing);
    if (length > 0)
        (void)fputs(all, stderr);
    (void)fflush(stderr);
    (void)pthread_mutex_unlock(&writing);
    free(all);
}
