/* apd generate: glyph tasks with no download; apd contact: look at a data file as a picture. */
#include "io/images/generate.h"
#include "base/log.h"
#include "commands/commands.h"

#include <inttypes.h>

static const char *classes = "50", *train = "100", *test = "30", *size = "28", *seed = "1", *output = NULL;

static const apd_cli_option options[] = {
    {.name = "output", .argument = "FILE", .help = "the data file to write (required)", .value = &output},
    {.name = "classes", .argument = "N", .help = "classes (default 50)", .value = &classes},
    {.name = "train", .argument = "N", .help = "training images a class (default 100)", .value = &train},
    {.name = "test", .argument = "N", .help = "test images a class (default 30)", .value = &test},
    {.name = "size", .argument = "PIXELS", .help = "pixels a side (default 28)", .value = &size},
    {.name = "seed", .argument = "N", .help = "the glyphs depend on it alone (default 1)", .value = &seed},
    {0},
};

static apd_status read_settings(apd_generate_settings *settings, apd_error *error) {
    long value[5] = {0};
    APD_TRY(apd_cli_integer("classes", classes, 2, 100000, &value[0], error));
    APD_TRY(apd_cli_integer("train", train, 1, 100000, &value[1], error));
    APD_TRY(apd_cli_integer("test", test, 1, 100000, &value[2], error));
    APD_TRY(apd_cli_integer("size", size, 16, 128, &value[3], error));
    APD_TRY(apd_cli_integer("seed", seed, 0, 0x7fffffffffffffff, &value[4], error));
    *settings = (apd_generate_settings){.classes = (int)value[0],
                                        .train = (int)value[1],
                                        .test = (int)value[2],
                                        .size = (int)value[3],
                                        .seed = (uint64_t)value[4]};
    return APD_OK;
}

static apd_status run(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    (void)arguments;
    apd_generate_settings settings;
    APD_TRY(read_settings(&settings, error));
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed");
    apd_dataset_content content = {0};
    uint64_t digest = 0;
    apd_status status = apd_generate(&settings, &content, error);
    if (status == APD_OK)
        status = apd_dataset_write(output, &content, &digest, error);
    if (status == APD_OK)
        (void)printf(
            "%s: %" PRId64 " training and %" PRId64 " test images of %d glyphs, digest %016" PRIx64 "\n",
            output, content.count[APD_SPLIT_TRAIN], content.count[APD_SPLIT_TEST], settings.classes, digest);
    apd_dataset_content_clear(&content);
    return status;
}

const apd_command apd_command_generate = {
    .name = "generate",
    .arguments = "",
    .summary = "make a data file of procedural glyphs, with no download",
    .options = options,
    .run = run,
};

static const char *rows = "20", *columns = "20";

static const apd_cli_option contact_options[] = {
    {.name = "rows", .argument = "N", .help = "classes shown (default 20)", .value = &rows},
    {.name = "columns", .argument = "N", .help = "training images of each (default 20)", .value = &columns},
    {0},
};

static apd_status run_contact(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    long height = 0, width = 0;
    APD_TRY(apd_cli_integer("rows", rows, 1, 1000, &height, error));
    APD_TRY(apd_cli_integer("columns", columns, 1, 1000, &width, error));
    return apd_dataset_contact_sheet(arguments[0], arguments[1], (int)height, (int)width, error);
}

const apd_command apd_command_contact = {
    .name = "contact",
    .arguments = "DATA.h5 SHEET.png",
    .summary = "draw a data file's images on one sheet, a row a class",
    .options = contact_options,
    .least = 2,
    .most = 2,
    .run = run_contact,
};
