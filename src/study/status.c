/* apd status: how far runs and studies are, from their files alone. */
#include "base/memory.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "study/command.h"
#include "study/row.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct status_options {
    bool json;
} status_options;

static const status_options defaults = {0};

enum { LINE = 200 }; /* bytes of a log's line that are shown */

static const apd_cli_option table[] = {
    {.name = "json",
     .help = "print a JSON array instead, an object for each run",
     APD_CLI_SETS(status_options, json)},
    {0},
};

/* The log's last line. */
static void find_line(const char *folder, char line[LINE]) {
    char *text = apd_run_file_end(folder, "train.log");
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    const char *last = strrchr(text, '\n');
    (void)snprintf(line, LINE, "%s", last != NULL ? last + 1 : text);
    free(text);
}

static void put_object(apd_json *json, const char *folder, const apd_run_row *row) {
    const apd_standing *s = &row->standing;
    char line[LINE];
    find_line(folder, line);
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "folder", folder);
    apd_json_text(json, "state", apd_run_kind_names[row->kind]);
    apd_json_integer(json, "tasks_done", s->tasks_done);
    apd_json_integer(json, "tasks", s->tasks);
    apd_json_number(json, "average_accuracy", s->average);
    apd_json_number(json, "capacity", s->capacity);
    apd_json_number(json, "seconds", s->seconds);
    apd_json_integer(json, "task", row->task);
    apd_json_integer(json, "epoch", row->epoch);
    apd_json_text(json, "host", s->host);
    apd_json_text(json, "message", s->message);
    apd_json_text(json, "written", s->written);
    apd_json_text(json, "last_line", line);
    apd_json_end(json);
}

typedef struct listing {
    apd_json *json; /* NULL: a table */
    int rows, counts[APD_RUN_KINDS];
} listing;

static void show_run(listing *list, const char *folder) {
    apd_run_row row;
    apd_run_row_read(folder, &row);
    list->counts[row.kind]++;
    if (list->rows++ == 0 && list->json == NULL)
        apd_run_row_head(stdout);
    if (list->json != NULL)
        put_object(list->json, folder, &row);
    else
        apd_run_row_put(folder, &row, stdout);
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
    (void)printf("\n");
    apd_run_counts_put(list.counts, stdout);
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
