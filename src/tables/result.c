#include "tables/result.h"

#include "base/memory.h"
#include "base/text.h"
#include "io/checkpoint/commits.h"
#include "io/description/options.h"
#include "io/description/values.h"
#include "io/description/yaml.h"
#include "io/system/csv.h"
#include "io/system/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- the description --------------------------------------------------------------------------------------------- */

char *apd_result_value(const apd_description *description, const char *key) {
    int option = description != NULL ? apd_option_find(key) : -1;
    apd_text value;
    if (option < 0)
        return apd_duplicate_text("");
    apd_text_begin(&value, "a value of the description");
    apd_value_write(value.file, &apd_options[option], description);
    char *text = apd_text_end(&value);
    size_t size = value.size;
    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        memmove(text, text + 1, size - 2);
        text[size - 2] = '\0';
    }
    return text;
}

static apd_status describe(apd_result *result, const char *path, const char *text, int64_t bytes,
                           apd_error *error) {
    APD_TRY(apd_description_parse(path, text, bytes, NULL, 0, &result->description, error));
    free(result->method);
    free(result->order);
    free(result->part);
    result->method = apd_result_value(result->description, "method.name");
    result->order = apd_result_value(result->description, "stream.order");
    result->part = apd_result_value(result->description, "evaluate");
    return APD_OK;
}

static apd_status read_description(apd_result *result, const char *path, apd_error *error) {
    char *text = NULL;
    int64_t bytes = 0;
    APD_TRY(apd_read_file(path, APD_YAML_BYTES, &text, &bytes, error));
    apd_status status = describe(result, path, text, bytes, error);
    free(text);
    return status;
}

/* --- manifest.json ----------------------------------------------------------------------------------------------- */

/* The text of a key; NULL: it is not there, or null. JSON as apd writes it is YAML. */
static const char *text_of(const apd_yaml_node *root, const char *key) {
    for (int k = 0; root->kind == APD_YAML_MAP && k < root->count; k++) {
        const apd_yaml_node *name = &root->items[2 * k], *value = name + 1;
        if (name->kind == APD_YAML_TEXT && strcmp(name->text, key) == 0)
            return value->kind == APD_YAML_TEXT && !apd_yaml_is_empty(value) ? value->text : NULL;
    }
    return NULL;
}

static double number_of(const apd_yaml_node *root, const char *key) {
    const char *text = text_of(root, key);
    char *end = NULL;
    double number = text != NULL ? strtod(text, &end) : (double)NAN;
    return text != NULL && *text != '\0' && *end == '\0' ? number : (double)NAN;
}

/* How many names "h1,h1,h2" has. */
static int count_hosts(const char *hosts) {
    int count = 0;
    for (const char *at = hosts; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        const char *before = hosts;
        while (before < at && !(strncmp(before, at, length) == 0 && before[length] == ','))
            before += strcspn(before, ",") + 1;
        count += before == at;
        at += length + (at[length] == ',');
    }
    return count;
}

static apd_status take_manifest(apd_result *result, const apd_yaml_node *root, const char *path,
                                apd_error *error) {
    const char *digest = text_of(root, "data_digest"), *results = text_of(root, "results_digest");
    double done = number_of(root, "tasks_done"), tasks = number_of(root, "tasks");
    if (!(done >= 0 && done <= tasks && tasks < 1e9) || digest == NULL)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: has no data_digest, or no tasks_done from 0 to tasks; apd train writes it anew",
                        path);
    result->data_digest = strtoull(digest, NULL, 16);
    result->done = (int)done;
    result->tasks = (int)tasks;
    result->nodes = count_hosts(text_of(root, "hosts"));
    result->results_digest = results != NULL ? strtoull(results, NULL, 16) : 0;
    result->ranks = number_of(root, "ranks");
    result->memory = number_of(root, "peak_bytes_a_rank");
    result->checkpoint = number_of(root, "checkpoint_bytes");
    result->capacity = (apd_capacity){.weights = number_of(root, "capacity"),
                                      .all = number_of(root, "capacity_with_heads"),
                                      .bytes = number_of(root, "capacity_bytes"),
                                      .coded = number_of(root, "capacity_coded")};
    return APD_OK;
}

static apd_status read_manifest(apd_result *result, const char *path, apd_error *error) {
    char *text = NULL;
    int64_t bytes = 0;
    apd_yaml_node root = {0};
    apd_error fault = {0};
    const apd_place place = {.file = path, .error = &fault};
    APD_TRY(apd_read_file(path, APD_YAML_BYTES, &text, &bytes, error));
    apd_status status = apd_yaml_parse(&place, text, bytes, &root);
    free(text);
    if (status != APD_OK)
        return apd_fail(error, APD_ERROR_DATA, "%s", fault.message);
    status = take_manifest(result, &root, path, error);
    apd_yaml_clear(&root);
    return status;
}

/* --- tasks.csv and accuracy.csv ---------------------------------------------------------------------------------- */

/* The file, which has these columns and a row for each finished task. It may have more: a task that ends writes manifest.json
 * last. */
static apd_status read_sheet(const char *path, int least, const char *const *headings, int count,
                             int *columns, apd_csv *csv, apd_error *error) {
    APD_TRY(apd_csv_read(path, APD_CSV_OURS, csv, error));
    apd_status status = APD_OK;
    for (int h = 0; h < count && status == APD_OK; h++) {
        columns[h] = apd_csv_column(csv, headings[h]);
        if (columns[h] < 0)
            status = apd_fail(error, APD_ERROR_DATA, "%s: has no column %s", path, headings[h]);
    }
    if (status == APD_OK && csv->rows < least)
        status =
            apd_fail(error, APD_ERROR_DATA, "%s: has %lld rows, and manifest.json says %d finished tasks",
                     path, (long long)csv->rows, least);
    if (status != APD_OK)
        apd_csv_clear(csv);
    return status;
}

enum { TASK, NAME, CLASSES, NONZEROS, BYTES, EPOCHS, SECONDS, COLUMNS };
static const char *const headings[COLUMNS] = {"task",  "name",   "classes", "tau_nonzeros",
                                              "bytes", "epochs", "seconds"};

static apd_status take_task(apd_result *result, const apd_csv *csv, const int *columns, int row,
                            apd_error *error) {
    apd_result_task *task = &result->records[row];
    double numbers[COLUMNS] = {0};
    for (int c = 0; c < COLUMNS; c++)
        if (c != NAME)
            APD_TRY(apd_csv_number(csv, row, columns[c], &numbers[c], error));
    if (!(numbers[TASK] >= 0 && numbers[TASK] < 1e9 && numbers[CLASSES] >= 0 && numbers[CLASSES] < 1e9 &&
          numbers[EPOCHS] >= 0 && numbers[EPOCHS] < 1e9))
        return apd_fail(error, APD_ERROR_DATA, "%s: line %d has no task, classes or epochs from 0", csv->path,
                        row + 2);
    *task = (apd_result_task){.id = (int)numbers[TASK],
                              .classes = (int)numbers[CLASSES],
                              .epochs = (int)numbers[EPOCHS],
                              .seconds = numbers[SECONDS],
                              .nonzeros = numbers[NONZEROS],
                              .bytes = numbers[BYTES]};
    (void)snprintf(task->name, sizeof task->name, "%s", apd_csv_cell(csv, row, columns[NAME]));
    result->seconds += isnan(task->seconds) ? 0.0 : task->seconds;
    return APD_OK;
}

static apd_status read_tasks(apd_result *result, const char *path, apd_error *error) {
    int columns[COLUMNS];
    apd_csv csv;
    APD_TRY(read_sheet(path, result->done, headings, COLUMNS, columns, &csv, error));
    result->records = apd_allocate(result->done, sizeof *result->records, "a run's tasks");
    apd_status status = APD_OK;
    for (int t = 0; t < result->done && status == APD_OK; t++)
        status = take_task(result, &csv, columns, t, error);
    apd_csv_clear(&csv);
    return status;
}

/* Row t of accuracy.csv: after_task,task_A,task_B,... */
static apd_status take_row(apd_result *result, const apd_csv *csv, int t, apd_error *error) {
    double after = NAN;
    APD_TRY(apd_csv_number(csv, t, 0, &after, error));
    char heading[32];
    (void)snprintf(heading, sizeof heading, "task_%d", result->records[t].id);
    if (!(after == (double)result->records[t].id) || strcmp(csv->cells[t + 1], heading) != 0)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: row and column %d are not of task %d, as tasks.csv has it", csv->path, t + 1,
                        result->records[t].id);
    apd_accuracies_add_task(&result->accuracies);
    for (int j = 0; j <= t; j++) {
        double *cell = &result->accuracies.now[j];
        APD_TRY(apd_csv_number(csv, t, j + 1, cell, error));
        if (!isnan(*cell) && !(*cell >= 0.0 && *cell <= 1.0))
            return apd_fail(error, APD_ERROR_DATA, "%s: line %d has the accuracy %s; 0 to 1 is needed",
                            csv->path, t + 2, apd_csv_cell(csv, t, j + 1));
    }
    return APD_OK;
}

static void note_accuracies(apd_result *result) {
    for (int t = 0; t < result->done; t++) {
        bool there = result->records[t].classes > 0;
        result->records[t].learned = there ? apd_accuracies_learned(&result->accuracies, t) : (double)NAN;
        result->records[t].last = there ? result->accuracies.now[t] : (double)NAN;
    }
}

static apd_status read_accuracy(apd_result *result, const char *path, apd_error *error) {
    static const char *const first = "after_task";
    int column;
    apd_csv csv;
    APD_TRY(read_sheet(path, result->done, &first, 1, &column, &csv, error));
    apd_status status = APD_OK;
    if (column != 0 || csv.columns != result->tasks + 1)
        status = apd_fail(error, APD_ERROR_DATA, "%s: has %d columns; after_task and %d tasks are needed",
                          path, csv.columns, result->tasks);
    for (int t = 0; t < result->done && status == APD_OK; t++)
        status = take_row(result, &csv, t, error);
    apd_csv_clear(&csv);
    if (status == APD_OK)
        note_accuracies(result);
    return status;
}

typedef struct identity {
    int id, place;
} identity;

static int by_id(const void *a, const void *b) {
    int first = ((const identity *)a)->id, second = ((const identity *)b)->id;
    return (first > second) - (first < second);
}

/* List the places by identity, each of which is one task's. */
static apd_status order_identities(apd_result *result, apd_error *error) {
    identity *found = apd_allocate(result->done, sizeof *found, "a run's tasks");
    int twice = -1;
    for (int t = 0; t < result->done; t++)
        found[t] = (identity){result->records[t].id, t};
    qsort(found, (size_t)result->done, sizeof *found, by_id);
    result->places = apd_allocate(result->done, sizeof *result->places, "a run's tasks");
    for (int t = 0; t < result->done; t++) {
        result->places[t] = found[t].place;
        twice = t > 0 && found[t].id == found[t - 1].id ? found[t].id : twice;
    }
    free(found);
    if (twice < 0)
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA, "%s: two of its tasks say that they are task %d", result->name,
                    twice);
}

/* --- a run ------------------------------------------------------------------------------------------------------- */

static apd_result begin(const char *name) {
    return (apd_result){.name = apd_duplicate_text(name),
                        .method = apd_duplicate_text(""),
                        .order = apd_duplicate_text(""),
                        .part = apd_duplicate_text(""),
                        .capacity = {NAN, NAN, NAN, NAN},
                        .ranks = NAN,
                        .memory = NAN,
                        .checkpoint = NAN};
}

typedef apd_status reader(apd_result *result, const char *path, apd_error *error);

/* Read `folder`/`name` if it exists; *there says so. */
static apd_status read_if_there(apd_result *result, const char *folder, const char *name, reader *read,
                                bool *there, apd_error *error) {
    char *path = apd_join_path(folder, name);
    apd_status status = apd_file_exists(path, there, error);
    if (status == APD_OK && *there)
        status = read(result, path, error);
    free(path);
    return status;
}

static apd_status read_must(apd_result *result, const char *folder, const char *name, reader *read,
                            apd_error *error) {
    char *path = apd_join_path(folder, name);
    apd_status status = read(result, path, error);
    free(path);
    return status;
}

apd_status apd_result_read(const char *folder, apd_result *out, apd_error *error) {
    apd_result result = begin(folder);
    apd_status status;
    bool there = false;
    APD_GO(read_if_there(&result, folder, "run.yaml", read_description, &there, error));
    if (there)
        APD_GO(read_if_there(&result, folder, "manifest.json", read_manifest, &there, error));
    if (there && result.done > 0) {
        APD_GO(read_must(&result, folder, "tasks.csv", read_tasks, error));
        APD_GO(order_identities(&result, error));
        APD_GO(read_must(&result, folder, "accuracy.csv", read_accuracy, error));
    }
    *out = result;
    return APD_OK;
out:
    apd_result_clear(&result);
    return status;
}

/* --- a checkpoint ------------------------------------------------------------------------------------------------ */

static void take_state(apd_result *result, apd_run_state *state) {
    result->data_digest = state->data_digest;
    result->tasks = result->done = state->task_count;
    result->records = apd_allocate(result->done, sizeof *result->records, "a run's tasks");
    for (int t = 0; t < result->done; t++) {
        const apd_task_record *record = &state->records[t];
        apd_result_task *task = &result->records[t];
        *task = (apd_result_task){.id = record->id,
                                  .classes = record->class_count,
                                  .epochs = record->epochs,
                                  .seconds = record->seconds,
                                  .nonzeros = NAN,
                                  .bytes = NAN};
        (void)snprintf(task->name, sizeof task->name, "%s", record->name);
        result->seconds += record->seconds;
    }
    result->accuracies = state->accuracies;
    state->accuracies = (apd_accuracies){0};
    note_accuracies(result);
}

static apd_status read_checkpoint(apd_result *result, const char *path, apd_error *error) {
    apd_run_state state;
    APD_TRY(apd_checkpoint_survey(path, &state, &result->capacity, error));
    apd_status status = describe(result, path, state.run_yaml, (int64_t)strlen(state.run_yaml), error);
    result->checkpoint = (double)apd_checkpoint_bytes(path, &state);
    if (status == APD_OK)
        take_state(result, &state);
    apd_run_state_clear(&state);
    return status == APD_OK ? order_identities(result, error) : status;
}

/* Whether the folder's manifest.json says all that the tables need; one of an older version has no capacity. */
static bool says_all(const apd_result *result) {
    return result->done > 0 && !isnan(result->capacity.weights);
}

apd_status apd_result_open(const char *run, apd_result *out, apd_error *error) {
    struct stat facts;
    char *path = NULL;
    if (stat(run, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        APD_TRY(apd_result_read(run, out, error));
        if (says_all(out))
            return APD_OK;
        apd_result_clear(out);
    }
    APD_TRY(apd_checkpoint_path(run, &path, error));
    apd_result result = begin(run);
    apd_status status = read_checkpoint(&result, path, error);
    if (status == APD_OK && result.done == 0)
        status = apd_fail(error, APD_ERROR_USAGE, "%s has no finished task; train it first", run);
    if (status == APD_OK)
        *out = result;
    else
        apd_result_clear(&result);
    free(path);
    return status;
}

void apd_result_clear(apd_result *result) {
    free(result->name);
    free(result->method);
    free(result->order);
    free(result->part);
    free(result->records);
    free(result->places);
    apd_description_destroy(result->description);
    apd_accuracies_clear(&result->accuracies);
    *result = (apd_result){0};
}
