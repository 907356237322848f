/* apd predict: classes and probabilities of images, from a checkpoint alone. */
#include "base/memory.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "commands/predict_images.h"
#include "engine/run.h"
#include "io/system/csv.h"
#include "io/system/json.h"
#include "trained/guess.h"

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
     .help = "the task's number or name, or auto: guessed for each image (needs stream.keys); required",
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

/* --- results ------------------------------------------------------------------------------------------------------- */

/* Rank 0 prints images in order. */
typedef struct predict_printer {
    const apd_trained *trained;
    const apd_predict_images *images;
    const predict_options *options;
    int top;
    int64_t printed;
    bool *shown; /* (classes) scratch */
} predict_printer;

static int most_probable(const float *probabilities, const bool *shown, int classes) {
    int best = -1;
    for (int c = 0; c < classes; c++)
        if (!shown[c] && (best < 0 || probabilities[c] > probabilities[best]))
            best = c;
    return best;
}

static void print_row(const predict_printer *printer, const char *name, const float *probabilities) {
    const apd_task_record *record = printer->trained->record;
    char room[32];
    memset(printer->shown, 0, (size_t)record->class_count * sizeof *printer->shown);
    (void)printf("%-32s", apd_utf8_shown(name).text);
    for (int i = 0; i < printer->top && i < record->class_count; i++) {
        int best = most_probable(probabilities, printer->shown, record->class_count);
        printer->shown[best] = true;
        (void)printf("  %-16s %6.2f %%",
                     apd_utf8_shown(apd_trained_class_name(printer->trained, best, room)).text,
                     100.0 * (double)probabilities[best]);
    }
    (void)putchar('\n');
}

static void print_csv(const predict_printer *printer, const char *name, const float *probabilities,
                      int best) {
    const apd_task_record *record = printer->trained->record;
    char room[32];
    apd_csv_text(stdout, name);
    (void)printf(",%d,", record->classes[best]);
    apd_csv_text(stdout, apd_trained_class_name(printer->trained, best, room));
    (void)printf(",%.9g", (double)probabilities[best]);
    for (int c = 0; c < record->class_count; c++)
        (void)printf(",%.9g", (double)probabilities[c]);
    (void)putchar('\n');
}

static void print_json(const predict_printer *printer, const char *name, const float *probabilities,
                       int best) {
    const apd_task_record *record = printer->trained->record;
    apd_json json = {.file = stdout, .line = true};
    char room[32];
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "image", name);
    apd_json_integer(&json, "class", record->classes[best]);
    apd_json_text(&json, "name", apd_trained_class_name(printer->trained, best, room));
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
        for (int c = 0; c < printer->trained->record->class_count; c++)
            (void)printf(",p_%d", printer->trained->record->classes[c]);
        (void)putchar('\n');
    }
}

static void print_images(predict_printer *printer, const float *probabilities, int64_t count) {
    int classes = printer->trained->record->class_count;
    for (int64_t i = 0; i < count; i++, printer->printed++) {
        const float *here = probabilities + i * classes;
        char *name = apd_predict_image_name(printer->images, printer->printed);
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
static apd_status predict_all(const apd_team *team, const apd_trained *trained,
                              const apd_predict_images *images, predict_printer *printer, apd_error *error) {
    const apd_trained_run *file = trained->file;
    int64_t portion = file->description->log.evaluate_batch, ranks = apd_team_size(team);
    portion = portion < images->count ? portion : images->count;
    int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    bytes *= file->is_float ? (int64_t)sizeof(float) : 1;
    int classes = trained->record->class_count;
    uint8_t *batch = apd_allocate(portion, (size_t)bytes, "images to predict");
    float *probabilities = apd_allocate(portion * classes, sizeof *probabilities, "probabilities");
    apd_status status = APD_OK;
    for (int64_t begin = 0; begin < images->count && status == APD_OK; begin += portion * ranks) {
        int64_t first = begin + portion * apd_team_rank(team);
        int64_t end = first + portion < images->count ? first + portion : images->count;
        int64_t count = end > first ? end - first : 0, total = 0;
        void *all = NULL;
        if (count > 0)
            status =
                apd_predict_images_read(images, first, end, file, printer->options->resize, batch, error);
        status = apd_team_agree(team, status, error);
        if (status != APD_OK)
            break;
        apd_trained_predict(trained, batch, count, probabilities);
        apd_team_gather(team, probabilities, count * classes * (int64_t)sizeof(float), &all, &total);
        if (all != NULL)
            print_images(printer, all, total / (classes * (int64_t)sizeof(float)));
        free(all);
    }
    free(probabilities);
    free(batch);
    return status;
}

static apd_status predict_task(const apd_team *team, const apd_trained_run *file,
                               const predict_options *options, int top, const apd_predict_images *images,
                               apd_error *error) {
    apd_trained trained = {0};
    int place = 0;
    apd_status status = apd_trained_run_find(file, options->task, &place, error);
    if (status == APD_OK)
        status = apd_trained_read(file, place, &trained, error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK) {
        predict_printer printer = {.trained = &trained, .images = images, .options = options, .top = top};
        printer.shown = apd_allocate(trained.record->class_count, sizeof *printer.shown, "classes");
        if (apd_team_rank(team) == 0)
            print_heading(&printer);
        status = predict_all(team, &trained, images, &printer, error);
        free(printer.shown);
    }
    apd_trained_clear(&trained);
    return status;
}

#define PORTION_BYTES (INT64_C(64) << 20)

/* --- any task ------------------------------------------------------------------------------------------------------- */

static void print_guess(const apd_trained_run *file, const predict_options *options, const char *name,
                        const apd_guess *guess) {
    const apd_task_record *record = &file->state->records[guess->place];
    char room[32];
    const char *class = apd_trained_run_class_name(file, guess->number, room);
    if (options->csv) {
        apd_csv_text(stdout, name);
        (void)printf(",%d,%d,", record->id, guess->number);
        apd_csv_text(stdout, class);
        (void)printf(",%.9g\n", (double)guess->probability);
    } else if (options->json) {
        apd_json json = {.file = stdout, .line = true};
        apd_json_begin_object(&json, NULL);
        apd_json_text(&json, "image", name);
        apd_json_integer(&json, "task", record->id);
        apd_json_integer(&json, "class", guess->number);
        apd_json_text(&json, "name", class);
        apd_json_number(&json, "probability", (double)guess->probability);
        apd_json_end(&json);
    } else {
        (void)printf("%-32s  %-24s  %-16s %6.2f %%\n", apd_utf8_shown(name).text,
                     apd_utf8_shown(record->name).text, apd_utf8_shown(class).text,
                     100.0 * (double)guess->probability);
    }
}

/* The layout is every task's, and applied; permutations and rotations are a task's own: images come with them. A rank takes its
 * share of them at once, up to 64 MB: networks are read once a portion. Collective. */
static apd_status guess_all(const apd_team *team, const apd_trained_run *file, const predict_options *options,
                            const apd_predict_images *images, apd_guesser *guesser, apd_error *error) {
    const apd_transform_spec spec = {.shape = file->shape,
                                     .scrambled = file->description->data.layout == APD_LAYOUT_SCRAMBLED,
                                     .turns = 1};
    const int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    int64_t ranks = apd_team_size(team), printed = 0, portion = (images->count + ranks - 1) / ranks;
    portion = portion < PORTION_BYTES / bytes + 1 ? portion : PORTION_BYTES / bytes + 1;
    uint8_t *batch = apd_allocate(portion, (size_t)bytes, "images to predict");
    uint8_t *stored = apd_allocate(1, (size_t)bytes, "an image to predict");
    apd_guess *guesses = apd_allocate(portion, sizeof *guesses, "guesses");
    apd_guess_times times = {0};
    apd_transform *transform = apd_transform_create(&spec);
    apd_status status = APD_OK;
    for (int64_t begin = 0; begin < images->count && status == APD_OK; begin += portion * ranks) {
        int64_t first = begin + portion * apd_team_rank(team);
        int64_t end = first + portion < images->count ? first + portion : images->count;
        int64_t count = end > first ? end - first : 0, total = 0;
        void *all = NULL;
        if (count > 0)
            status = apd_predict_images_read(images, first, end, file, options->resize, batch, error);
        for (int64_t i = 0; i < count && status == APD_OK; i++) {
            memcpy(stored, batch + i * bytes, (size_t)bytes);
            apd_transform_apply(transform, 0, stored, batch + i * bytes);
        }
        if (status == APD_OK)
            status = apd_guesser_guess(guesser, batch, (int)count, guesses, &times, error);
        status = apd_team_agree(team, status, error);
        if (status != APD_OK)
            break;
        apd_team_gather(team, guesses, count * (int64_t)sizeof *guesses, &all, &total);
        for (int64_t i = 0; all != NULL && i < total / (int64_t)sizeof *guesses; i++) {
            char *name = apd_predict_image_name(images, printed++);
            print_guess(file, options, name, (const apd_guess *)all + i);
            free(name);
        }
        free(all);
    }
    apd_transform_destroy(transform);
    free(guesses);
    free(stored);
    free(batch);
    return status;
}

static apd_status predict_any(const apd_team *team, const apd_trained_run *file,
                              const predict_options *options, const apd_predict_images *images,
                              apd_error *error) {
    apd_guesser *guesser = NULL;
    apd_status status = apd_guesser_create(file, &guesser, error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK && apd_team_rank(team) == 0 && options->csv)
        (void)puts("image,task,class,name,probability");
    if (status == APD_OK)
        status = guess_all(team, file, options, images, guesser, error);
    apd_guesser_destroy(guesser);
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
    apd_predict_images images = {0};
    const bool any = options->task != NULL && strcmp(options->task, "auto") == 0;
    apd_status status = apd_world_begin(&team, error);
    if (status == APD_OK) {
        status = apd_trained_run_open(arguments[0], false, &file, error);
        status = apd_team_agree(team, status, error);
    }
    if (status == APD_OK)
        status = apd_predict_images_find(team, arguments + 1, count - 1, &images, error);
    if (status == APD_OK)
        status = any ? predict_any(team, &file, options, &images, error)
                     : predict_task(team, &file, options, (int)top, &images, error);
    apd_predict_images_clear(&images);
    apd_trained_run_close(&file);
    apd_team_destroy(team);
    return status;
}

const apd_command apd_command_predict = {
    .name = "predict",
    .arguments = "RUN IMAGE...",
    .summary = "classes and probabilities of images, by the network of one task",
    .details =
        "IMAGE is a PNG or JPEG file, a folder of them, an HDF5 data set (FILE.h5:/NAME; FILE.h5 is "
        "its /test/images) of "
        "images as\nthe run's data file has them, or - for a list of these on the standard input, one "
        "a line. The "
        "data file is not needed.\nThe stream's transform of the task is applied to the images: "
        "layout, permutation or "
        "rotation.\nWith --task auto a permutation or a rotation is not: images come as the task has them.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 2,
    .most = 65536,
    .parallel = true,
    .run = run_predict,
};
