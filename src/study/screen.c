#include "study/screen.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/thread.h"
#include "study/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct apd_screen {
    const apd_study *study;
    apd_run_kind *kinds; /* (run_count), as last seen */
    pthread_t thread;
    pthread_mutex_t guard;
    pthread_cond_t wake;
    bool ending;
};

/* Runs that have ended are not looked at again. */
static bool may_move(apd_run_kind kind) {
    return kind != APD_RUN_DONE && kind != APD_RUN_FAILED;
}

/* The head and the running runs, `*rows` of them, then how many there are of each kind. */
static void write_table(const apd_screen *screen, FILE *file, int *rows) {
    const apd_study *study = screen->study;
    int counts[APD_RUN_KINDS] = {0};
    apd_run_row_head(file);
    *rows = 0;
    for (int r = 0; r < study->run_count; r++) {
        apd_run_row row = {.kind = screen->kinds[r]};
        char *folder = apd_study_run_folder(study, r);
        if (may_move(row.kind))
            apd_run_row_read(folder, &row);
        if (row.kind == APD_RUN_RUNNING) {
            apd_run_row_put(folder, &row, file);
            ++*rows;
        }
        counts[screen->kinds[r] = row.kind]++;
        free(folder);
    }
    apd_run_counts_put(counts, file);
}

/* Bytes of the line's first `columns` characters; a character takes one column, or more, which is rare in a folder's name. */
static int fitting(const char *line, int length, int columns) {
    int bytes = 0;
    for (int shown = 0; bytes < length; bytes++) {
        shown += ((unsigned char)line[bytes] & 0xc0) != 0x80;
        if (shown > columns)
            break;
    }
    return bytes;
}

/* Cut the table to what the terminal has room for: its last line is left free, since a newline there would scroll. */
static char *cut(const char *table, int rows, int lines, int columns) {
    const int room = lines - 3 > 1 ? lines - 3 : 1, whole = rows <= room ? rows : room - 1;
    apd_text text;
    apd_text_begin(&text, "a study's screen");
    for (int n = 0; *table != '\0'; n++) {
        const char *end = strchr(table, '\n');
        if (n <= whole || n > rows)
            (void)fprintf(text.file, "%.*s\n", fitting(table, (int)(end - table), columns - 1), table);
        else if (n == rows)
            (void)fprintf(text.file, "and %d more\n", rows - whole);
        table = end + 1;
    }
    return apd_text_end(&text);
}

static void draw(const apd_screen *screen) {
    int lines, columns, rows = 0;
    if (!apd_log_terminal(&lines, &columns))
        return;
    apd_text text;
    apd_text_begin(&text, "a study's screen");
    write_table(screen, text.file, &rows);
    char *table = apd_text_end(&text), *fits = cut(table, rows, lines, columns);
    apd_log_screen(fits);
    free(fits);
    free(table);
}

static void *work(void *context) {
    apd_screen *screen = context;
    (void)pthread_mutex_lock(&screen->guard);
    while (!screen->ending) {
        struct timespec until;
        draw(screen);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        while (!screen->ending &&
               pthread_cond_timedwait(&screen->wake, &screen->guard, &until) != ETIMEDOUT) {
        }
    }
    (void)pthread_mutex_unlock(&screen->guard);
    return NULL;
}

apd_screen *apd_screen_begin(const apd_study *study) {
    int lines, columns;
    if (!apd_log_terminal(&lines, &columns))
        return NULL;
    apd_screen *screen = apd_allocate(1, sizeof *screen, "a study's screen");
    screen->study = study;
    screen->kinds = apd_allocate(study->run_count, sizeof *screen->kinds, "a study's screen");
    (void)pthread_mutex_init(&screen->guard, NULL);
    (void)pthread_cond_init(&screen->wake, NULL);
    apd_log_over_screen(true);
    if (apd_thread_start(&screen->thread, "screen", work, screen) == 0)
        return screen;
    apd_log_over_screen(false);
    free(screen->kinds);
    free(screen);
    return NULL; /* the log suffices */
}

void apd_screen_end(apd_screen *screen) {
    if (screen == NULL)
        return;
    (void)pthread_mutex_lock(&screen->guard);
    screen->ending = true;
    (void)pthread_cond_signal(&screen->wake);
    (void)pthread_mutex_unlock(&screen->guard);
    (void)pthread_join(screen->thread, NULL);
    apd_log_screen("");
    apd_log_over_screen(false);
    (void)pthread_cond_destroy(&screen->wake);
    (void)pthread_mutex_destroy(&screen->guard);
    free(screen->kinds);
    free(screen);
}
