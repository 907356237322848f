/* apd status: how far runs and studies are, from their files alone. */
#include "base/memory.h"
#include "base/utf8.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "study/command.h"
#include "study/folder.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct status_options {
    bool json;
} status_options;

static const status_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "json", .help = "print an array of objects, one a run", APD_CLI_SETS(status_options, json)},
    {0},
};

/* What a row shows beside the run's status.json. */
typedef struct detail {
    int task, epoch; /* 0: unknown */
    char line[200];  /* the log's last */
} detail;

/* The last bytes of a file as text, "" without one; free it. */
static char *tail_of(const char *folder, const char *name) {
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
static void find_place(const char *folder, detail *found) {
    char *text = tail_of(folder, "metrics.jsonl");
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

static void find_line(const char *folder, detail *found) {
    char *text = tail_of(folder, "train.log");
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    const char *last = strrchr(text, '\n');
    (void)snprintf(found->line, sizeof found->line, "%s", last != NULL ? last + 1 : text);
    free(text);
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

static void put_number(double value, double factor, int width, int places) {
    if (isnan(value))
        (void)printf(" %*s", width, "-");
    else
        (void)printf(" %*.*f", width, places, factor * value);
}

static void put_row(const char *folder, apd_run_kind kind, const apd_standing *s, const detail *d) {
    char tasks[24] = "-", where[160] = "";
    const char *slash = strrchr(folder, '/');
    if (s->tasks > 0)
        (void)snprintf(tasks, sizeof tasks, "%d/%d", s->tasks_done, s->tasks);
    if (kind == APD_RUN_RUNNING && d->epoch > 0)
        (void)snprintf(where, sizeof where, "task %d, epoch %d on %s", d->task, d->epoch, s->host);
    else if (kind == APD_RUN_RUNNING)
        (void)snprintf(where, sizeof where, "on %s", s->host);
    (void)printf("%-9s %9s", apd_run_kind_names[kind], tasks);
    put_number(s->average, 100.0, 8, 2);
    put_number(s->capacity, 100.0, 9, 1);
    put_number(s->seconds, 1.0, 9, 1);
    const char *text = where[0] != '\0' ? where : s->message[0] != '\0' ? s->message : "";
    (void)printf("  %s%s%s\n", apd_utf8_shown(slash != NULL ? slash + 1 : folder).text,
                 text[0] != '\0' ? "  " : "", text);
}

static void put_object(apd_json *json, const char *folder, apd_run_kind kind, const apd_standing *s,
                       const detail *d) {
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "folder", folder);
    apd_json_text(json, "state", apd_run_kind_names[kind]);
    apd_json_integer(json, "tasks_done", s->tasks_done);
    apd_json_integer(json, "tasks", s->tasks);
    apd_json_number(json, "average_accuracy", s->average);
    apd_json_number(json, "capacity", s->capacity);
    apd_json_number(json, "seconds", s->seconds);
    apd_json_integer(json, "task", d->task);
    apd_json_integer(json, "epoch", d->epoch);
    apd_json_text(json, "host", s->host);
    apd_json_text(json, "message", s->message);
    apd_json_text(json, "written", s->written);
    apd_json_text(json, "last_line", d->line);
    apd_json_end(json);
}

typedef struct listing {
    apd_json *json; /* NULL: a table */
    int rows, counts[APD_RUN_KINDS];
} listing;

static void show_run(listing *list, const char *folder) {
    apd_standing standing;
    detail found = {0};
    apd_run_kind kind = apd_run_look(folder, &standing);
    list->counts[kind]++;
    if (kind == APD_RUN_RUNNING)
        find_place(folder, &found);
    if (list->rows++ == 0 && list->json == NULL)
        (void)printf("state         tasks  average  capacity   seconds  run\n");
    if (list->json != NULL) {
        find_line(folder, &found);
        put_object(list->json, folder, kind, &standing, &found);
    } else {
        put_row(folder, kind, &standing, &found);
    }
}

static bool has_file(const char *folder, const char *name) {
    char *path = apd_join_path(folder, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static bool is_run(const char *folder) {
    return has_file(folder, "status.json") || has_file(folder, "run.yaml") ||
           has_file(folder, "checkpoint.h5");
}

/* A study's runs; false if `folder` is none. */
static bool show_study(listing *list, const char *folder) {
    char **runs = NULL;
    int count = 0;
    bool found = apd_study_list(folder, &runs, &count);
    for (int r = 0; r < count; r++) {
        show_run(list, runs[r]);
        free(runs[r]);
    }
    free(runs);
    return found;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A study, a run, or a folder of both. */
static apd_status show_folder(listing *list, const char *folder, apd_error *error) {
    apd_file_names names = {0};
    int before = list->rows;
    if (access(folder, F_OK) != 0)
        return apd_fail(error, APD_ERROR_IO, "%s: there is no such folder", folder);
    if (show_study(list, folder))
        return APD_OK;
    if (is_run(folder)) {
        show_run(list, folder);
        return APD_OK;
    }
    APD_TRY(apd_folder_list(folder, &names, error));
    qsort(names.items, (size_t)names.count, sizeof *names.items, by_name);
    for (int i = 0; i < names.count; i++) {
        char *path = apd_join_path(folder, names.items[i]);
        if (!show_study(list, path) && is_run(path))
            show_run(list, path);
        free(path);
    }
    apd_file_names_clear(&names);
    if (list->rows > before)
        return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE, "%s: neither a study nor a run, nor a folder of these", folder);
}

static apd_status run_status(const void *given, int count, const char *const *arguments, apd_error *error) {
    const status_options *options = given;
    apd_json json = {.file = stdout};
    listing list = {.json = options->json ? &json : NULL};
    apd_status status = APD_OK;
    if (options->json)
        apd_json_begin_array(&json, NULL);
    for (int i = 0; i < count && status == APD_OK; i++)
        status = show_folder(&list, arguments[i], error);
    if (options->json)
        apd_json_end(&json);
    if (options->json || list.rows < 2)
        return status;
    (void)printf("\n%d runs:", list.rows);
    for (int k = 0, shown = 0; k < APD_RUN_KINDS; k++)
        if (list.counts[k] > 0)
            (void)printf("%s %d %s", shown++ > 0 ? "," : "", list.counts[k], apd_run_kind_names[k]);
    (void)printf("\n");
    return status;
}

const apd_command apd_command_status = {
    .name = "status",
    .arguments = "DIR...",
    .summary = "how far runs and studies are, from their files",
    .details = "DIR is a study's folder, a run's, or one that holds such folders. Reads files alone, beside\n"
               "running jobs, too: a run whose host died shows as running until it is started again.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1000,
    .run = run_status,
};
