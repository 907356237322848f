/* apd export: a task's network for other programs. */
#include "base/counted.h"
#include "base/text.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "export/c_source.h"
#include "export/npz.h"
#include "export/onnx.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <stdlib.h>
#include <string.h>

typedef struct export_options {
    const char *task, *onnx, *npz, *c;
    bool all, raw;
} export_options;

static const export_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "task",
     .argument = "TASK",
     .help = "the task's number or name",
     APD_CLI_HOLDS(export_options, task)},
    {.name = "all",
     .help = "all tasks: PATH is then a folder, which also gets index.json",
     APD_CLI_SETS(export_options, all)},
    {.name = "onnx",
     .argument = "PATH",
     .help = "write an ONNX model (IR version 8, operator set 13)",
     APD_CLI_HOLDS(export_options, onnx)},
    {.name = "raw",
     .help = "the ONNX model's input is uint8, 0 to 255; default: float32, 0 to 1",
     APD_CLI_SETS(export_options, raw)},
    {.name = "npz",
     .argument = "PATH",
     .help = "write weights and normalisation for NumPy",
     APD_CLI_HOLDS(export_options, npz)},
    {.name = "c",
     .argument = "FOLDER",
     .help = "write model.h and model.c, without dependencies but libm",
     APD_CLI_HOLDS(export_options, c)},
    {0},
};

/* --- one file ------------------------------------------------------------------------------------------------ */

typedef struct export_job {
    const apd_trained *model;
    bool raw;
} export_job;

static apd_status write_onnx(const export_job *job, FILE *file, apd_error *error) {
    return apd_export_onnx(job->model, job->raw, file, error);
}

static apd_status write_npz(const export_job *job, FILE *file, apd_error *error) {
    return apd_export_npz(job->model, file, error);
}

static apd_status write_header(const export_job *job, FILE *file, apd_error *error) {
    (void)error;
    apd_export_c_header(job->model, file);
    return APD_OK;
}

static apd_status write_source(const export_job *job, FILE *file, apd_error *error) {
    (void)error;
    apd_export_c_source(job->model, file);
    return APD_OK;
}

/* Write a file whole, or leave an older one. */
static apd_status write_file(const char *folder, const char *name, const export_job *job,
                             apd_status (*write)(const export_job *job, FILE *file, apd_error *error),
                             apd_error *error) {
    apd_text text;
    apd_text_begin(&text, "an exported network");
    apd_status status = write(job, text.file, error);
    char *bytes = apd_text_end(&text);
    if (status == APD_OK)
        status = apd_write_file(folder, name, bytes, (int64_t)text.size, error);
    free(bytes);
    return status;
}

/* The formats of one file each; C has two in a folder of its own. */
typedef struct export_format {
    const char *ending;
    size_t offset; /* of its path in the options */
    apd_status (*write)(const export_job *job, FILE *file, apd_error *error);
} export_format;

static const export_format formats[] = {
    {"onnx", offsetof(export_options, onnx), write_onnx},
    {"npz", offsetof(export_options, npz), write_npz},
    {"", offsetof(export_options, c), NULL},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static const char *path_of(const export_options *options, const export_format *format) {
    const char *path;
    memcpy(&path, (const char *)options + format->offset, sizeof path);
    return path;
}

/* Write a task in one format to `path`. */
static apd_status write_format(const export_format *format, const export_job *job, const char *path,
                               apd_error *error) {
    apd_status status;
    if (format->write == NULL) {
        APD_TRY(apd_make_folder(path, error));
        APD_TRY(write_file(path, "model.h", job, write_header, error));
        return write_file(path, "model.c", job, write_source, error);
    }
    char *folder = apd_parent_folder(path);
    const char *slash = strrchr(path, '/');
    status = write_file(folder, slash != NULL ? slash + 1 : path, job, format->write, error);
    free(folder);
    return status;
}

/* --- all tasks --------------------------------------------------------------------------------------------------- */

static void task_name(const apd_task_record *record, const export_format *format, char name[64]) {
    (void)snprintf(name, 64, "task-%06d%s%s", record->id, format->ending[0] != '\0' ? "." : "",
                   format->ending);
}

static void write_index(const apd_trained_run *file, const export_format *format, FILE *out) {
    apd_json json = {.file = out};
    char name[64];
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "run", file->description->name);
    apd_json_begin_array(&json, "tasks");
    for (int t = 0; t < file->state->task_count; t++) {
        const apd_task_record *record = &file->state->records[t];
        if (record->class_count == 0)
            continue;
        task_name(record, format, name);
        apd_json_begin_object(&json, NULL);
        apd_json_integer(&json, "task", record->id);
        apd_json_text(&json, "name", record->name);
        apd_json_text(&json, "file", name);
        apd_json_number(&json, "accuracy", file->state->accuracies.now[t]);
        apd_json_begin_array(&json, "classes");
        for (int c = 0; c < record->class_count; c++)
            apd_json_integer(&json, NULL, record->classes[c]);
        apd_json_end(&json);
        apd_json_end(&json);
    }
    apd_json_end(&json);
    apd_json_end(&json);
}

static apd_status export_all(const apd_trained_run *file, const export_format *format, const char *folder,
                             bool raw, int *count, apd_error *error) {
    char name[64];
    *count = 0;
    APD_TRY(apd_make_folder(folder, error));
    for (int t = 0; t < file->state->task_count; t++) {
        if (file->state->records[t].class_count == 0)
            continue;
        apd_trained model;
        APD_TRY(apd_trained_read(file, t, &model, error));
        task_name(model.record, format, name);
        char *path = apd_join_path(folder, name);
        apd_status status = write_format(format, &(export_job){&model, raw}, path, error);
        free(path);
        apd_trained_clear(&model);
        if (status != APD_OK)
            return status;
        (*count)++;
    }
    apd_text text;
    apd_text_begin(&text, "an index of exported networks");
    write_index(file, format, text.file);
    char *bytes = apd_text_end(&text);
    apd_status status = apd_write_file(folder, "index.json", bytes, (int64_t)text.size, error);
    free(bytes);
    return status;
}

/* --- the command --------------------------------------------------------------------------------------------------- */

static void say_rotation(const apd_trained *model) {
    double angle = apd_trained_transform(model).angle;
    if (angle < 0.0 || angle > 0.0)
        (void)printf(
            "images must come rotated by %g degrees, as the task's are: the rotation is not exported\n",
            angle);
}

static apd_status export_one(const apd_trained_run *file, const export_options *options, apd_error *error) {
    int place = 0;
    apd_trained model;
    APD_TRY(apd_trained_run_find(file, options->task, &place, error));
    APD_TRY(apd_trained_read(file, place, &model, error));
    apd_status status = APD_OK;
    for (int f = 0; f < FORMATS && status == APD_OK; f++) {
        const char *path = path_of(options, &formats[f]);
        if (path == NULL)
            continue;
        status = write_format(&formats[f], &(export_job){&model, options->raw}, path, error);
        if (status == APD_OK)
            (void)printf("%s: task %d, %s\n", path, model.record->id,
                         apd_utf8_shown(model.record->name).text);
    }
    if (status == APD_OK)
        say_rotation(&model);
    apd_trained_clear(&model);
    return status;
}

static apd_status export_tasks(const apd_trained_run *file, const export_options *options, apd_error *error) {
    if (!options->all)
        return export_one(file, options, error);
    for (int f = 0; f < FORMATS; f++) {
        const char *path = path_of(options, &formats[f]);
        int count = 0;
        if (path == NULL)
            continue;
        APD_TRY(export_all(file, &formats[f], path, options->raw, &count, error));
        (void)printf("%s: %s and index.json\n", path, apd_count(count, "task").text);
    }
    return APD_OK;
}

static apd_status run_export(const void *given, int count, const char *const *arguments, apd_error *error) {
    const export_options *options = given;
    int chosen = 0;
    (void)count;
    for (int f = 0; f < FORMATS; f++)
        chosen += path_of(options, &formats[f]) != NULL;
    if (chosen == 0)
        return apd_fail(error, APD_ERROR_USAGE, "one of --onnx, --npz and --c is needed");
    if (options->all && chosen > 1)
        return apd_fail(error, APD_ERROR_USAGE, "--all takes one of --onnx, --npz and --c");
    if (options->all && options->task != NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--all and --task exclude each other");
    if (options->raw && options->onnx == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--raw needs --onnx");
    apd_trained_run file;
    APD_TRY(apd_trained_run_open(arguments[0], false, &file, error));
    apd_status status = export_tasks(&file, options, error);
    apd_trained_run_close(&file);
    return status;
}

const apd_command apd_command_export = {
    .name = "export",
    .arguments = "RUN",
    .summary = "write a task's network as ONNX, NumPy's npz or C",
    .details = "The data file is not needed. What the files hold: docs/models.md.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1,
    .run = run_export,
};
