#include "io/description/resolve.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "io/description/layers.h"
#include "io/description/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static apd_value_source *source_of(const apd_reading *reading, const char *key) {
    int option = apd_option_find(key);
    APD_ASSERT(option >= 0);
    return &reading->description->sources[option];
}

static bool is_given(const apd_reading *reading, const char *key) {
    return source_of(reading, key)->origin != APD_ORIGIN_DEFAULT;
}

/* Fail with USAGE about the value of `key`, naming where it was written. */
static apd_status blame(const apd_reading *reading, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static apd_status blame(const apd_reading *reading, const char *key, const char *format, ...) {
    const apd_value_source *source = source_of(reading, key);
    bool is_flag = source->origin == APD_ORIGIN_FLAG;
    apd_place place = {reading->file, is_flag ? reading->settings[source->place] : NULL, reading->error};
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return apd_place_fail(&place, source->origin == APD_ORIGIN_FILE ? source->place : 0, "%s %s", key, text);
}

/* --- values that follow from others --------------------------------------------------------------------- */

static char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *format_text(const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory making a path");
    return text;
}

static apd_status resolve_name(const apd_reading *reading) {
    apd_description *description = reading->description;
    const char *slash = strrchr(reading->file, '/');
    char *stem = apd_duplicate_text(slash != NULL ? slash + 1 : reading->file);
    char *ending = strrchr(stem, '.');
    apd_yaml_node node = {.kind = APD_YAML_TEXT, .text = stem};
    apd_place place = {reading->file, NULL, reading->error};
    apd_status status = APD_OK;
    if (ending != NULL && (strcmp(ending, ".yaml") == 0 || strcmp(ending, ".yml") == 0))
        *ending = '\0';
    if (!apd_utf8_printable(stem, strlen(stem)))
        status = apd_place_fail(&place, 0, "the file's name is no UTF-8 text; set name");
    else
        status = apd_value_read(&place, "name (from the file's name)", &apd_options[apd_option_find("name")],
                                &node, description);
    free(stem);
    return status;
}

/* `path`, made absolute by the working directory; NULL if there is none. */
static char *absolute_path(const char *path) {
    if (*path == '/')
        return apd_duplicate_text(path);
    char *folder = getcwd(NULL, 0);
    if (folder == NULL)
        return NULL;
    char *whole = format_text("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path);
    free(folder);
    return whole;
}

/* Make the paths of a key absolute: relative to the description's folder if the file exists there, otherwise to the working
 * directory. */
static apd_status resolve_files(const apd_reading *reading, const char *key, char **files, int count) {
    const char *slash = strrchr(reading->file, '/');
    for (int f = 0; f < count; f++) {
        char *path = apd_duplicate_text(files[f]);
        if (*path != '/' && slash != NULL) {
            char *beside = format_text("%.*s/%s", (int)(slash - reading->file), reading->file, path);
            if (access(beside, F_OK) == 0) {
                free(path);
                path = apd_duplicate_text(beside);
            }
            free(beside);
        }
        char *whole = absolute_path(path);
        free(path);
        if (whole == NULL)
            return blame(reading, key, "is relative, and the working directory is unknown: %s",
                         strerror(errno));
        free(files[f]);
        files[f] = whole;
        if (!apd_utf8_printable(whole, strlen(whole)))
            return blame(reading, key, "lies in a folder whose name is no printable UTF-8 text");
    }
    return APD_OK;
}

/* The default of 6 polishing epochs is meant for 20 epochs; short trainings polish for the same share. */
static void resolve_polish(const apd_reading *reading) {
    apd_description *description = reading->description;
    if (is_given(reading, "method.polish_epochs") ||
        description->method.polish_epochs < description->training.epochs)
        return;
    description->method.polish_epochs = description->training.epochs * 3 / 10;
    source_of(reading, "method.polish_epochs")->note = "default, lowered to 3/10 of training.epochs";
}

static apd_status resolve_preset(const apd_reading *reading) {
    apd_description *description = reading->description;
    bool is_custom = strcmp(description->network.preset, "custom") == 0;
    if (is_custom && !is_given(reading, "network.layers"))
        return blame(reading, "network.preset", "custom needs network.layers");
    if (!is_custom && description->network.layer_count > 0) {
        if (is_given(reading, "network.preset"))
            return blame(reading, "network.layers",
                         "is given beside network.preset %s; leave the preset out, or make it custom",
                         description->network.preset);
        free(description->network.preset);
        description->network.preset = apd_duplicate_text("custom");
        source_of(reading, "network.preset")->note = "from network.layers";
    }
    apd_description_layers_resolve(description);
    return APD_OK;
}

/* --- checks that span keys ------------------------------------------------------------------------------ */

/* The keys that a kind of stream needs; those that belong to some kinds only are refused for the others. */
enum { NEEDS_TASKS = 1, NEEDS_CLASSES = 2, NEEDS_LISTS = 4, TAKES_CLASS_SEED = 8 };

static const int stream_keys[] = {
    [APD_STREAM_SPLIT] = NEEDS_CLASSES | TAKES_CLASS_SEED,
    [APD_STREAM_LIST] = NEEDS_LISTS,
    [APD_STREAM_SUPERCLASS] = 0,
    [APD_STREAM_PERMUTATION] = NEEDS_TASKS,
    [APD_STREAM_ROTATION] = NEEDS_TASKS,
    [APD_STREAM_SUBSETS] = NEEDS_TASKS | NEEDS_CLASSES | TAKES_CLASS_SEED,
};

static apd_status check_stream(const apd_reading *reading) {
    const apd_description *d = reading->description;
    const char *kind = apd_options[apd_option_find("stream.kind")].names[d->stream.kind];
    const int keys = stream_keys[d->stream.kind];
    if ((keys & NEEDS_TASKS) != 0 && d->stream.tasks == 0)
        return blame(reading, "stream.kind", "%s needs stream.tasks, at least 1", kind);
    if ((keys & NEEDS_CLASSES) != 0 && d->stream.classes_per_task == 0)
        return blame(reading, "stream.kind", "%s needs stream.classes_per_task, at least 1", kind);
    if ((keys & NEEDS_LISTS) != 0 && d->stream.class_lists == 0)
        return blame(reading, "stream.kind", "%s needs stream.classes, such as [[0, 1], [2, 3]]", kind);
    if ((keys & NEEDS_CLASSES) == 0 && d->stream.classes_per_task > 0)
        return blame(reading, "stream.classes_per_task", "is for stream.kind split or subsets only");
    if ((keys & TAKES_CLASS_SEED) == 0 && d->stream.class_seed >= 0)
        return blame(reading, "stream.class_seed", "is for stream.kind split or subsets only");
    if ((keys & NEEDS_LISTS) == 0 && d->stream.class_lists > 0)
        return blame(reading, "stream.classes", "is for stream.kind list only");
    if (d->data.added_count > 0 && d->stream.added_lists == 0)
        return blame(reading, "data.added", "is for the tasks of stream.added, of which there are none");
    if (d->stream.added_name_count > 0 && d->stream.added_name_count != d->stream.added_lists)
        return blame(reading, "stream.added_names",
                     "has %d names; %d are needed, one for each task of stream.added",
                     d->stream.added_name_count, d->stream.added_lists);
    return APD_OK;
}

static bool has_default_widths(const apd_description *description) {
    const int *widths = description->network.widths;
    return description->network.width_count == 2 && widths[0] == 256 && widths[1] == 256;
}

static apd_status check_network(const apd_reading *reading) {
    const apd_description *d = reading->description;
    if (strcmp(d->network.preset, "mlp") != 0 && !has_default_widths(d))
        return blame(reading, "network.widths", "is for network.preset mlp only");
    if (strncmp(d->network.preset, "lenet", 5) != 0 && d->network.lrn)
        return blame(reading, "network.lrn",
                     "is for the lenet presets only; a custom network lists lrn layers");
    return APD_OK;
}

static apd_status check_method(const apd_reading *reading) {
    const apd_description *d = reading->description;
    if (d->method.row->finite_lambda2 && isinf(d->method.lambda2))
        return blame(reading, "method.name", "%s needs a finite method.lambda2, such as 100",
                     d->method.row->name);
    if (d->method.row->codes && d->method.budget > 0.0 && d->method.polish_epochs == 0)
        return blame(reading, "method.budget", "needs method.polish_epochs above 0");
    if (d->method.row->polishes && d->method.polish_epochs >= d->training.epochs)
        return blame(reading, "method.polish_epochs", "is %d; less than training.epochs (%d) is needed",
                     d->method.polish_epochs, d->training.epochs);
    return APD_OK;
}

static apd_status check_forgetting(const apd_reading *reading) {
    const apd_description *d = reading->description;
    if (d->stream.forget_count % 2 != 0)
        return blame(reading, "stream.forget",
                     "has an odd number of entries (%d); pairs of a task and the number of tasks after which "
                     "it is forgotten are needed",
                     d->stream.forget_count);
    if (d->stream.forget_count > 0 && d->method.row->unforgettable != NULL)
        return blame(reading, "stream.forget",
                     "cannot be used with method.name %s: %s; leave it out, or use apd", d->method.row->name,
                     d->method.row->unforgettable);
    for (int i = 0; i < d->stream.forget_count; i += 2)
        if (d->stream.forget[i + 1] < 1)
            return blame(reading, "stream.forget", "forgets task %d after %d tasks; at least 1 is needed",
                         d->stream.forget[i], d->stream.forget[i + 1]);
    return APD_OK;
}

static apd_status check_training(const apd_reading *reading) {
    const apd_description *d = reading->description;
    const char *blamed = is_given(reading, "training.batch") ? "training.batch" : "shards";
    if (d->training.keep_best > 0 && d->data.validation <= 0.0)
        return blame(reading, "training.keep_best", "needs data.validation above 0");
    if (d->evaluate == APD_EVALUATE_VALIDATION && d->data.validation <= 0.0)
        return blame(reading, "evaluate", "validation needs data.validation above 0, such as 0.1");
    if (d->shards > d->training.batch)
        return blame(reading, blamed,
                     "does not fit: training.batch is %d, and at least one image for each "
                     "of %d shards is needed",
                     d->training.batch, d->shards);
    return APD_OK;
}

apd_status apd_description_resolve(const apd_reading *reading) {
    apd_description *description = reading->description;
    if (description->name == NULL)
        APD_TRY(resolve_name(reading));
    if (description->output == NULL)
        description->output = format_text("runs/%s", description->name);
    if (description->data.file_count == 0)
        return blame(reading, "data.file", "is missing; the path of an HDF5 data file is needed");
    APD_TRY(resolve_files(reading, "data.file", description->data.files, description->data.file_count));
    APD_TRY(resolve_files(reading, "data.added", description->data.added, description->data.added_count));
    resolve_polish(reading);
    APD_TRY(resolve_preset(reading));
    APD_TRY(check_stream(reading));
    APD_TRY(check_forgetting(reading));
    APD_TRY(check_network(reading));
    APD_TRY(check_method(reading));
    return check_training(reading);
}
