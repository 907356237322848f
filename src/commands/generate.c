/* apd generate: a data file of procedural glyphs. apd contact: a picture of a data file's images. */
#include "io/images/generate.h"
#include "base/counted.h"
#include "base/log.h"
#include "commands/commands.h"

#include <inttypes.h>

typedef struct generate_options {
    const char *output, *classes, *train, *test, *size, *seed;
} generate_options;

static const generate_options defaults = {
    .classes = "50", .train = "100", .test = "30", .size = "28", .seed = "1"};

#define HOLDS(member) APD_CLI_HOLDS(generate_options, member)
static const apd_cli_option table[] = {
    {.name = "output", .argument = "FILE", .help = "the data file to write (required)", HOLDS(output)},
    {.name = "classes", .argument = "N", .help = "classes (default 50)", HOLDS(classes)},
    {.name = "train", .argument = "N", .help = "training images in each class (default 100)", HOLDS(train)},
    {.name = "test", .argument = "N", .help = "test images in each class (default 30)", HOLDS(test)},
    {.name = "size", .argument = "PIXELS", .help = "width and height (default 28)", HOLDS(size)},
    {.name = "seed", .argument = "N", .help = "of the random glyphs (default 1)", HOLDS(seed)},
    {0},
};

static apd_status read_settings(const generate_options *options, apd_generate_settings *settings,
                                apd_error *error) {
    long value[5] = {0};
    APD_TRY(apd_cli_integer("classes", options->classes, 2, 100000, &value[0], error));
    APD_TRY(apd_cli_integer("train", options->train, 1, 100000, &value[1], error));
    APD_TRY(apd_cli_integer("test", options->test, 1, 100000, &value[2], error));
    APD_TRY(apd_cli_integer("size", options->size, 16, 128, &value[3], error));
    APD_TRY(apd_cli_integer("seed", options->seed, 0, 0x7fffffffffffffff, &value[4], error));
    *settings = (apd_generate_settings){.classes = (int)value[0],
                                        .train = (int)value[1],
                                        .test = (int)value[2],
                                        .size = (int)value[3],
                                        .seed = (uint64_t)value[4]};
    return APD_OK;
}

static apd_status run(const void *given, int count, const char *const *arguments, apd_error *error) {
    const generate_options *options = given;
    const char *output = options->output;
    (void)count;
    (void)arguments;
    apd_generate_settings settings;
    APD_TRY(read_settings(options, &settings, error));
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed");
    apd_dataset_content content = {0};
    uint64_t digest = 0;
    apd_status status = apd_generate(&settings, &content, error);
    if (status == APD_OK)
        status = apd_dataset_write(output, &content, &digest, error);
    if (status == APD_OK)
        (void)printf("%s: %" PRId64 " training and %s of %s, digest %016" PRIx64 "\n", output,
                     content.count[APD_SPLIT_TRAIN],
                     apd_count(content.count[APD_SPLIT_TEST], "test image").text,
                     apd_count(settings.classes, "glyph").text, digest);
    apd_dataset_content_clear(&content);
    return status;
}

const apd_command apd_command_generate = {
    .name = "generate",
    .arguments = "",
    .summary = "make a data file of procedural glyphs, with no download",
    .details = "An image depends only on the seed, its class and its number.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run,
};

typedef struct contact_options {
    const char *rows, *columns;
} contact_options;

static const contact_options contact_defaults = {"20", "20"};

static const apd_cli_option contact_table[] = {
    {.name = "rows",
     .argument = "N",
     .help = "classes to show (default 20)",
     APD_CLI_HOLDS(contact_options, rows)},
    {.name = "columns",
     .argument = "N",
     .help = "training images of each (default 20)",
     APD_CLI_HOLDS(contact_options, columns)},
    {0},
};

static apd_status run_contact(const void *given, int count, const char *const *arguments, apd_error *error) {
    const contact_options *options = given;
    (void)count;
    long height = 0, width = 0;
    APD_TRY(apd_cli_integer("rows", options->rows, 1, 1000, &height, error));
    APD_TRY(apd_cli_integer("columns", options->columns, 1, 1000, &width, error));
    return apd_dataset_contact_sheet(arguments[0], arguments[1], (int)height, (int)width, error);
}

const apd_command apd_command_contact = {
    .name = "contact",
    .arguments = "DATA.h5 SHEET.png",
    .summary = "draw a data file's images on one sheet, a row a class",
    .options = contact_table,
    .defaults = &contact_defaults,
    .options_size = sizeof contact_defaults,
    .least = 2,
    .most = 2,
    .run = run_contact,
};
