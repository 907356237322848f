/* apd predict: classes and probabilities of images, from a checkpoint alone. */
#include "base/counted.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "engine/run.h"
#include "io/data/image_array.h"
#include "io/images/import_folder.h"
#include "io/images/picture.h"
#include "io/system/csv.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "trained/trained.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct predict_options {
    const char *task, *top;
    bool csv, json, resize;
} predict_options;

static const predict_options defaults = {.top = "3"};

static const apd_cli_option table[] = {
    {.name = "task",
     .argument = "TASK",
     .help = "the task's number or name (required)",
     APD_CLI_HOLDS(predict_options, task)},
    {.name = "resize",
     .help =
         "crop and scale images of another size to the network's, and turn colour to grey or grey to colour",
     APD_CLI_SETS(predict_options, resize)},
    {.name = "top",
     .argument = "N",
     .help = "classes that the table shows of each image; default 3",
     APD_CLI_HOLDS(predict_options, top)},
    {.name = "csv", .help = "a row an image with all probabilities", APD_CLI_SETS(predict_options, csv)},
    {.name = "json", .help = "an object an image, one on each line", APD_CLI_SETS(predict_options, json)},
    {0},
};

/* --- what is to be predicted ------------------------------------------------------------------------------------- */

/* A picture, or the images of an HDF5 data set. */
typedef struct predict_source {
    char *path;
    bool is_array;
    apd_image_array array;
    int64_t first, count; /* numbers of its images among all */
} predict_source;

typedef struct predict_sources {
    predict_source *sources; /* (count) */
    int64_t count;
    int64_t images;
} predict_sources;

static void clear_sources(predict_sources *sources) {
    for (int64_t s = 0; s < sources->count; s++) {
        if (sources->sources[s].is_array)
            apd_image_array_close(&sources->sources[s].array);
        free(sources->sources[s].path);
    }
    free(sources->sources);
}

/* FILE.h5:/data/set; without a data set /test/images. Returns where the name of the data set begins; 0: not an HDF5 file. */
static size_t array_name(const char *path) {
    static const char *const endings[] = {".h5", ".hdf5"};
    const char *colon = strstr(path, ":/");
    size_t length = colon != NULL ? (size_t)(colon - path) : strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t tail = strlen(endings[i]);
        if (length > tail && strncmp(path + length - tail, endings[i], tail) == 0)
            return length;
    }
    return 0;
}

static apd_status add_source(predict_sources *sources, const char *path, apd_error *error) {
    predict_source source = {.path = apd_duplicate_text(path), .first = sources->images, .count = 1};
    size_t name = array_name(path);
    if (name > 0) {
        char *file = apd_duplicate_text(path);
        file[name] = '\0';
        apd_status status = apd_image_array_open(file, path[name] != '\0' ? path + name + 1 : "/test/images",
                                                 &source.array, error);
        free(file);
        if (status != APD_OK) {
            free(source.path);
            return status;
        }
        source.is_array = true;
        source.count = source.array.count;
    }
    if ((sources->count & (sources->count - 1)) == 0)
        sources->sources =
            apd_reallocate(sources->sources, sources->count, sources->count == 0 ? 1 : 2 * sources->count,
                           sizeof *sources->sources, "images to predict");
    sources->sources[sources->count++] = source;
    sources->images += source.count;
    return APD_OK;
}

/* --- their paths, on rank 0 -------------------------------------------------------------------------------------- */

static apd_status list_folder(const char *path, FILE *paths, apd_error *error) {
    apd_names names = {0};
    APD_TRY(apd_list_pictures(path, &names, error));
    for (int64_t i = 0; i < names.count; i++)
        (void)fprintf(paths, "%s/%s\n", path, names.names[i]);
    apd_status status = names.count > 0 ? APD_OK
                                        : apd_fail(error, APD_ERROR_DATA,
                                                   "%s: there are no PNG or JPEG files in this folder", path);
    apd_names_clear(&names);
    return status;
}

static void list_input(FILE *paths) {
    int byte, last = '\n';
    while ((byte = getc(stdin)) != EOF) {
        (void)fputc(byte, paths);
        last = byte;
    }
    if (last != '\n')
        (void)fputc('\n', paths);
}

/* One path a line. */
static apd_status list_paths(const char *const *arguments, int count, FILE *paths, apd_error *error) {
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "-") == 0)
            list_input(paths);
        else if (apd_is_folder(arguments[i]))
            APD_TRY(list_folder(arguments[i], paths, error));
        else
            (void)fprintf(paths, "%s\n", arguments[i]);
    }
    return APD_OK;
}

/* Collective. */
static apd_status find_sources(const apd_team *team, const char *const *arguments, int count,
                               predict_sources *sources, apd_error *error) {
    char *paths = NULL;
    apd_status status = APD_OK;
    if (apd_team_rank(team) == 0) {
        apd_text listed;
        apd_text_begin(&listed, "paths of images");
        status = list_paths(arguments, count, listed.file, error);
        paths = apd_text_end(&listed);
    }
    char *rest = paths = apd_team_share_text(team, paths);
    status = apd_team_agree(team, status, error);
    for (char *path; status == APD_OK && (path = strsep(&rest, "\n")) != NULL;)
        if (path[0] != '\0')
            status = add_source(sources, path, error);
    free(paths);
    if (status == APD_OK && sources->images == 0)
        status = apd_fail(error, APD_ERROR_USAGE, "no images are given");
    return apd_team_agree(team, status, error);
}

/* --- images -------------------------------------------------------------------------------------------------------- */

static const predict_source *source_of(const predict_sources *sources, int64_t image) {
    int64_t low = 0, high = sources->count - 1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (sources->sources[middle].first <= image)
            low = middle;
        else
            high = middle - 1;
    }
    return &sources->sources[low];
}

static bool same_shape(apd_image_shape a, apd_image_shape b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

static apd_status wrong_shape(const char *path, apd_image_shape found, bool is_float,
                              const apd_trained_run *file, bool resize, apd_error *error) {
    apd_image_shape wanted = file->shape;
    const char *types[] = {"uint8", "float32"};
    if (is_float != file->is_float)
        return apd_fail(error, APD_ERROR_DATA, "%s: its images are %s; %s was trained on %s", path,
                        types[is_float], file->path, types[file->is_float]);
    return apd_fail(
        error, APD_ERROR_DATA,
        "%s: its images are %d x %d x %d (channels x height x width); %s was trained on %d x %d x %d%s", path,
        found.channels, found.height, found.width, file->path, wanted.channels, wanted.height, wanted.width,
        resize ? "" : "; --resize makes them fit");
}

/* `count` images of an array, from its image `first` on. */
static apd_status read_array(const predict_source *source, int64_t first, int64_t count,
                             const apd_trained_run *file, bool resize, uint8_t *out, apd_error *error) {
    const apd_image_array *array = &source->array;
    bool fits = same_shape(array->shape, file->shape), kinds = array->is_float == file->is_float;
    bool can = array->shape.channels == 1 || array->shape.channels == 3;
    can = can && (file->shape.channels == 1 || file->shape.channels == 3);
    if (fits && kinds)
        return apd_image_array_read(array, first, count, out, error);
    if (!kinds || !resize || array->is_float || !can)
        return wrong_shape(source->path, array->shape, array->is_float, file, resize, error);
    int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    uint8_t *image = apd_allocate_bytes(array->image_bytes, "an image");
    apd_status status = APD_OK;
    for (int64_t i = 0; i < count && status == APD_OK; i++) {
        status = apd_image_array_read(array, first + i, 1, image, error);
        if (status == APD_OK)
            apd_picture_fit(array->shape, image, file->shape, out + i * bytes);
    }
    free(image);
    return status;
}

static apd_status read_picture(const char *path, const apd_trained_run *file, bool resize, uint8_t *out,
                               apd_error *error) {
    apd_image_shape found, wanted = file->shape;
    if (file->is_float || (wanted.channels != 1 && wanted.channels != 3))
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: %s was trained on float32 images, or images without 1 or 3 channels; give an HDF5 data "
            "set of those, FILE.h5:/NAME",
            path, file->path);
    if (resize)
        return apd_picture_read_to_fit(path, wanted, out, error);
    APD_TRY(apd_picture_shape(path, &found, error));
    if (found.height != wanted.height || found.width != wanted.width || found.channels > wanted.channels)
        return wrong_shape(path, found, false, file, resize, error);
    return apd_picture_read(path, wanted, out, error);
}

static apd_status read_images(const predict_sources *sources, int64_t first, int64_t end,
                              const apd_trained_run *file, bool resize, uint8_t *out, apd_error *error) {
    int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    bytes *= file->is_float ? (int64_t)sizeof(float) : 1;
    for (int64_t image = first; image < end;) {
        const predict_source *source = source_of(sources, image);
        int64_t until = source->first + source->count < end ? source->first + source->count : end;
        uint8_t *here = out + (image - first) * bytes;
        if (source->is_array)
            APD_TRY(read_array(source, image - source->first, until - image, file, resize, here, error));
        else
            APD_TRY(read_picture(source->path, file, resize, here, error));
        image = until;
    }
    return APD_OK;
}

/* --- results ------------------------------------------------------------------------------------------------------- */

/* Rank 0 prints images in order. */
typedef struct predict_printer {
    const apd_trained *model;
    const predict_sources *sources;
    const predict_options *options;
    int top;
    int64_t printed;
    bool *shown; /* (classes) scratch */
} predict_printer;

/* A path, and the number of an image in an array; free it. */
static char *image_name(const predict_source *source, int64_t image) {
    apd_text text;
    apd_text_begin(&text, "an image's name");
    (void)fputs(source->path, text.file);
    if (source->is_array)
        (void)fprintf(text.file, "[%" PRId64 "]", image - source->first);
    return apd_text_end(&text);
}

static int most_probable(const float *probabilities, const bool *shown, int classes) {
    int best = -1;
    for (int c = 0; c < classes; c++)
        if (!shown[c] && (best < 0 || probabilities[c] > probabilities[best]))
            best = c;
    return best;
}

static void print_row(const predict_printer *printer, const char *name, const float *probabilities) {
    const apd_task_record *record = printer->model->record;
    char room[32];
    memset(printer->shown, 0, (size_t)record->class_count * sizeof *printer->shown);
    (void)printf("%-32s", apd_utf8_shown(name).text);
    for (int i = 0; i < printer->top && i < record->class_count; i++) {
        int best = most_probable(probabilities, printer->shown, record->class_count);
        printer->shown[best] = true;
        (void)printf("  %-16s %6.2f %%",
                     apd_utf8_shown(apd_trained_class_name(printer->model, best, room)).text,
                     100.0 * (double)probabilities[best]);
    }
    (void)putchar('\n');
}

static void print_csv(const predict_printer *printer, const char *name, const float *probabilities,
                      int best) {
    const apd_task_record *record = printer->model->record;
    char room[32];
    apd_csv_text(stdout, name);
    (void)printf(",%d,", record->classes[best]);
    apd_csv_text(stdout, apd_trained_class_name(printer->model, best, room));
    (void)printf(",%.9g", (double)probabilities[best]);
    for (int c = 0; c < record->class_count; c++)
        (void)printf(",%.9g", (double)probabilities[c]);
    (void)putchar('\n');
}

static void print_json(const predict_printer *printer, const char *name, const float *probabilities,
                       int best) {
    const apd_task_record *record = printer->model->record;
    apd_json json = {.file = stdout, .line = true};
    char room[32];
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "image", name);
    apd_json_integer(&json, "class", record->classes[best]);
    apd_json_text(&json, "name", apd_trained_class_name(printer->model, best, room));
    apd_json_number(&json, "probability", (double)probabilities[best]);
    apd_json_begin_array(&json, "probabilities");
    for (int c = 0; c < record->class_count; c++)
        apd_json_number(&json, NULL, (double)probabilities[c]);
    apd_json_end(&json);
    apd_json_end(&json);
}

static void print_heading(const predict_printer *printer) {
    if (printer->options->csv) {
        (void)printf("image,class,name,probability");
        for (int c = 0; c < printer->model->record->class_count; c++)
            (void)printf(",p_%d", printer->model->record->classes[c]);
        (void)putchar('\n');
    }
}

static void print_images(predict_printer *printer, const float *probabilities, int64_t count) {
    int classes = printer->model->record->class_count;
    for (int64_t i = 0; i < count; i++, printer->printed++) {
        const float *here = probabilities + i * classes;
        char *name = image_name(source_of(printer->sources, printer->printed), printer->printed);
        memset(printer->shown, 0, (size_t)classes * sizeof *printer->shown);
        int best = most_probable(here, printer->shown, classes);
        if (printer->options->csv)
            print_csv(printer, name, here, best);
        else if (printer->options->json)
            print_json(printer, name, here, best);
        else
            print_row(printer, name, here);
        free(name);
    }
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

/* Images go to the ranks in portions of log.evaluate_batch, in turn, so that probabilities do not depend on the ranks.
 * Collective. */
static apd_status predict_all(const apd_team *team, const apd_trained *model, const predict_sources *sources,
                              predict_printer *printer, apd_error *error) {
    const apd_trained_run *file = model->file;
    int64_t portion = file->description->log.evaluate_batch, ranks = apd_team_size(team);
    portion = portion < sources->images ? portion : sources->images;
    int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    bytes *= file->is_float ? (int64_t)sizeof(float) : 1;
    int classes = model->record->class_count;
    uint8_t *images = apd_allocate(portion, (size_t)bytes, "images to predict");
    float *probabilities = apd_allocate(portion * classes, sizeof *probabilities, "probabilities");
    apd_status status = APD_OK;
    for (int64_t begin = 0; begin < sources->images && status == APD_OK; begin += portion * ranks) {
        int64_t first = begin + portion * apd_team_rank(team);
        int64_t end = first + portion < sources->images ? first + portion : sources->images;
        int64_t count = end > first ? end - first : 0, total = 0;
        void *all = NULL;
        if (count > 0)
            status = read_images(sources, first, end, file, printer->options->resize, images, error);
        status = apd_team_agree(team, status, error);
        if (status != APD_OK)
            break;
        apd_trained_predict(model, images, count, probabilities);
        apd_team_gather(team, probabilities, count * classes * (int64_t)sizeof(float), &all, &total);
        if (all != NULL)
            print_images(printer, all, total / (classes * (int64_t)sizeof(float)));
        free(all);
    }
    free(probabilities);
    free(images);
    return status;
}

static apd_status predict_task(const apd_team *team, const apd_trained_run *file,
                               const predict_options *options, int top, const predict_sources *sources,
                               apd_error *error) {
    apd_trained model = {0};
    int place = 0;
    apd_status status = apd_trained_run_find(file, options->task, &place, error);
    if (status == APD_OK)
        status = apd_trained_read(file, place, &model, error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK) {
        predict_printer printer = {.model = &model, .sources = sources, .options = options, .top = top};
        printer.shown = apd_allocate(model.record->class_count, sizeof *printer.shown, "classes");
        if (apd_team_rank(team) == 0)
            print_heading(&printer);
        status = predict_all(team, &model, sources, &printer, error);
        free(printer.shown);
    }
    apd_trained_clear(&model);
    return status;
}

static apd_status run_predict(const void *given, int count, const char *const *arguments, apd_error *error) {
    const predict_options *options = given;
    long top = 0;
    APD_TRY(apd_cli_integer("--top", options->top, 1, 1000000, &top, error));
    if (options->csv && options->json)
        return apd_fail(error, APD_ERROR_USAGE, "--csv and --json exclude each other");
    apd_team *team = NULL;
    apd_trained_run file = {0};
    predict_sources sources = {0};
    apd_status status = apd_world_begin(&team, error);
    if (status == APD_OK) {
        status = apd_trained_run_open(arguments[0], &file, error);
        status = apd_team_agree(team, status, error);
    }
    if (status == APD_OK)
        status = find_sources(team, arguments + 1, count - 1, &sources, error);
    if (status == APD_OK)
        status = predict_task(team, &file, options, (int)top, &sources, error);
    clear_sources(&sources);
    apd_trained_run_close(&file);
    apd_team_destroy(team);
    return status;
}

const apd_command apd_command_predict = {
    .name = "predict",
    .arguments = "RUN IMAGE...",
    .summary = "classes and probabilities of images, by the network of one task",
    .details = "IMAGE is a PNG or JPEG file, a folder of them, an HDF5 data set (FILE.h5:/NAME; FILE.h5 is "
               "its /test/images) of "
               "images as\nthe run's data file has them, or - for a list of these on the standard input, one "
               "a line. The "
               "data file is not needed.\nThe images pass through what the stream does to the task's own: "
               "layout, permutation or "
               "rotation.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 2,
    .most = 65536,
    .parallel = true,
    .run = run_predict,
};
