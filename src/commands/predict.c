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
    char room[64];
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
    char room[64];
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
    char room[64];
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

static void print_images(void *context, const void *answers, int64_t count) {
    predict_printer *printer = context;
    const float *probabilities = answers;
    const int classes = printer->trained->record->class_count;
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

/* --- portions ------------------------------------------------------------------------------------------------------- */

/* What is done with the images of a portion, and with all ranks' answers. */
typedef struct answering {
    int64_t portion, bytes; /* the most images of a rank at once; of an answer */
    apd_status (*answer)(void *context, uint8_t *batch, int64_t count, void *answers, apd_error *error);
    void (*print)(void *context, const void *answers, int64_t count); /* rank 0 */
    void *context;
} answering;

/* Images go to the ranks in portions, in turn, and their answers are printed in the images' order. Collective. */
static apd_status answer_all(const apd_team *team, const apd_trained_run *file,
                             const apd_predict_images *images, bool resize, const answering *how,
                             apd_error *error) {
    const int64_t ranks = apd_team_size(team), portion = how->portion;
    const int64_t pixels = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    uint8_t *batch = apd_allocate(portion * pixels, file->is_float ? sizeof(float) : 1, "images to predict");
    void *answers = apd_allocate(portion, (size_t)how->bytes, "predictions");
    apd_status status = APD_OK;
    for (int64_t begin = 0; begin < images->count && status == APD_OK; begin += portion * ranks) {
        int64_t first = begin + portion * apd_team_rank(team);
        int64_t end = first + portion < images->count ? first + portion : images->count;
        int64_t count = end > first ? end - first : 0, total = 0;
        void *all = NULL;
        if (count > 0)
            status = apd_predict_images_read(images, first, end, file, resize, batch, error);
        if (status == APD_OK)
            status = how->answer(how->context, batch, count, answers, error);
        status = apd_team_agree(team, status, error);
        if (status != APD_OK)
            break;
        apd_team_gather(team, answers, count * how->bytes, &all, &total);
        if (all != NULL)
            how->print(how->context, all, total / how->bytes);
        free(all);
    }
    free(answers);
    free(batch);
    return status;
}

/* --- by the network of one task --------------------------------------------------------------------------------------- */

static apd_status answer_by_network(void *context, uint8_t *batch, int64_t count, void *answers,
                                    apd_error *error) {
    const predict_printer *printer = context;
    (void)error;
    apd_trained_predict(printer->trained, batch, count, answers);
    return APD_OK;
}

/* Portions are log.evaluate_batch, so that probabilities do not depend on the ranks. */
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
        const int64_t most = file->description->log.evaluate_batch, classes = trained.record->class_count;
        predict_printer printer = {.trained = &trained, .images = images, .options = options, .top = top};
        const answering how = {.portion = most < images->count ? most : images->count,
                               .bytes = classes * (int64_t)sizeof(float),
                               .answer = answer_by_network,
                               .print = print_images,
                               .context = &printer};
        printer.shown = apd_allocate(classes, sizeof *printer.shown, "classes");
        if (apd_team_rank(team) == 0)
            print_heading(&printer);
        status = answer_all(team, file, images, options->resize, &how, error);
        free(printer.shown);
    }
    apd_trained_clear(&trained);
    return status;
}

/* --- of any task ------------------------------------------------------------------------------------------------------ */

#define PORTION_BYTES (INT64_C(64) << 20)

typedef struct guessing {
    const apd_trained_run *file;
    const predict_options *options;
    const apd_predict_images *images;
    apd_guesser *guesser;
    apd_transform
        *layout;     /* every task's; permutations and rotations are a task's own: images come with them */
    uint8_t *stored; /* an image */
    int64_t bytes;   /* of it */
    int64_t printed;
} guessing;

static apd_status answer_by_guess(void *context, uint8_t *batch, int64_t count, void *answers,
                                  apd_error *error) {
    const guessing *g = context;
    apd_guess_times times = {0};
    for (int64_t i = 0; i < count; i++) {
        memcpy(g->stored, batch + i * g->bytes, (size_t)g->bytes);
        apd_transform_apply(g->layout, 0, g->stored, batch + i * g->bytes);
    }
    return apd_guesser_guess(g->guesser, batch, (int)count, answers, &times, error);
}

static void print_guess(const guessing *g, const char *name, const apd_guess *guess) {
    const apd_task_record *record = &g->file->state->records[guess->place];
    char room[64];
    const char *class = apd_trained_run_class_name(g->file, guess->number, room);
    if (g->options->csv) {
        apd_csv_text(stdout, name);
        (void)printf(",%d,%d,", record->id, guess->number);
        apd_csv_text(stdout, class);
        (void)printf(",%.9g\n", (double)guess->probability);
    } else if (g->options->json) {
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

static void print_guesses(void *context, const void *answers, int64_t count) {
    guessing *g = context;
    const apd_guess *guesses = answers;
    for (int64_t i = 0; i < count; i++) {
        char *name = apd_predict_image_name(g->images, g->printed++);
        print_guess(g, name, &guesses[i]);
        free(name);
    }
}

/* A rank takes its share of the images at once, up to 64 MB: networks are read once a portion. */
static apd_status predict_any(const apd_team *team, const apd_trained_run *file,
                              const predict_options *options, const apd_predict_images *images,
                              apd_error *error) {
    const apd_transform_spec spec = {.shape = file->shape,
                                     .scrambled = file->description->data.layout == APD_LAYOUT_SCRAMBLED,
                                     .turns = 1};
    const int64_t bytes = (int64_t)file->shape.channels * file->shape.height * file->shape.width;
    const int64_t ranks = apd_team_size(team), own = (images->count + ranks - 1) / ranks,
                  most = PORTION_BYTES / bytes + 1;
    guessing g = {.file = file, .options = options, .images = images, .bytes = bytes};
    apd_status status = apd_guesser_create(file, &g.guesser, error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK) {
        const answering how = {.portion = own < most ? own : most,
                               .bytes = sizeof(apd_guess),
                               .answer = answer_by_guess,
                               .print = print_guesses,
                               .context = &g};
        g.layout = apd_transform_create(&spec);
        g.stored = apd_allocate(bytes, 1, "an image to predict");
        if (apd_team_rank(team) == 0 && options->csv)
            (void)puts("image,task,class,name,probability");
        status = answer_all(team, file, images, options->resize, &how, error);
        apd_transform_destroy(g.layout);
        free(g.stored);
    }
    apd_guesser_destroy(g.guesser);
    return status;
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

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
