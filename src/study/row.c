#include "study/row.h"

#include "base/counted.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *apd_run_file_end(const char *folder, const char *name) {
    enum { BYTES = 16384 };
    char *path = apd_join_path(folder, name), *text = apd_allocate(BYTES + 1, 1, "the end of a log");
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    free(path);
    if (file < 0)
        return text;
    off_t size = lseek(file, 0, SEEK_END);
    ssize_t got = pread(file, text, BYTES, size > BYTES ? size - BYTES : 0);
    text[got > 0 ? got : 0] = '\0';
    (void)close(file);
    return text;
}

/* Where training is: metrics.jsonl's last line about a step or an epoch. */
static void find_place(const char *folder, apd_run_row *found) {
    char *text = apd_run_file_end(folder, "metrics.jsonl");
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next == NULL) /* half a line */
            break;
        *next++ = '\0';
        if (!isnan(apd_json_find_number(line, "place")))
            found->task = apd_json_find_whole(line, "place") + 1;
        found->epoch =
            isnan(apd_json_find_number(line, "epoch")) ? 0 : apd_json_find_whole(line, "epoch") + 1;
    }
    free(text);
}

void apd_run_row_read(const char *folder, apd_run_row *row) {
    *row = (apd_run_row){0};
    row->kind = apd_run_look(folder, &row->standing);
    if (row->kind == APD_RUN_RUNNING)
        find_place(folder, row);
}

static void put_number(double value, double factor, int width, int places, FILE *file) {
    if (isnan(value))
        (void)fprintf(file, " %*s", width, "-");
    else
        (void)fprintf(file, " %*.*f", width, places, factor * value);
}

void apd_run_row_head(FILE *file) {
    (void)fprintf(file, "state         tasks  average  capacity   seconds  run\n");
}

void apd_run_row_put(const char *folder, const apd_run_row *row, FILE *file) {
    const apd_standing *s = &row->standing;
    const bool running = row->kind == APD_RUN_RUNNING;
    char tasks[24] = "-", where[160] = "";
    const char *slash = strrchr(folder, '/');
    if (s->tasks > 0)
        (void)snprintf(tasks, sizeof tasks, "%d/%d", s->tasks_done, s->tasks);
    if (running && row->epoch > 0)
        (void)snprintf(where, sizeof where, "task %d, epoch %d on %s", row->task, row->epoch, s->host);
    else if (running)
        (void)snprintf(where, sizeof where, "on %s", s->host);
    (void)fprintf(file, "%-9s %9s", apd_run_kind_names[row->kind], tasks);
    put_number(s->average, 100.0, 8, 2, file);
    put_number(s->capacity, 100.0, 9, 1, file);
    put_number(s->seconds, 1.0, 9, 1, file);
    const char *text = where[0] != '\0' ? where : s->message[0] != '\0' ? s->message : "";
    (void)fprintf(file, "  %s%s%s\n", apd_utf8_shown(slash != NULL ? slash + 1 : folder).text,
                  text[0] != '\0' ? "  " : "", text);
}

void apd_run_counts_put(const int counts[APD_RUN_KINDS], FILE *file) {
    int all = 0;
    for (int k = 0; k < APD_RUN_KINDS; k++)
        all += counts[k];
    (void)fprintf(file, "%s:", apd_count(all, "run").text);
    for (int k = 0, shown = 0; k < APD_RUN_KINDS; k++)
        if (counts[k] > 0)
            (void)fprintf(file, "%s %d %s", shown++ > 0 ? "," : "", counts[k], apd_run_kind_names[k]);
    (void)fputc('\n', file);
}
