/* apd import: make a data file from another format. */
#include "io/images/import.h"
#include "base/counted.h"
#include "base/log.h"
#include "commands/commands.h"

#include <inttypes.h>
#include <string.h>

typedef struct import_options {
    const char *output, *size, *labels, *test, *test_list;
    bool skip_damaged;
} import_options;

static const import_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "output",
     .argument = "FILE",
     .help = "the data file to write (required)",
     APD_CLI_HOLDS(import_options, output)},
    {.name = "size",
     .argument = "SIDE",
     .help = "with images: crop and scale each to SIDE x SIDE pixels, or HEIGHTxWIDTH; default: they must "
             "have one size",
     APD_CLI_HOLDS(import_options, size)},
    {.name = "labels",
     .argument = "FILE",
     .help =
         "with images: a CSV file of paths in SOURCE, classes and, in a third column or not, train or test; "
         "default: the folders are the classes",
     APD_CLI_HOLDS(import_options, labels)},
    {.name = "test",
     .argument = "SHARE",
     .help = "with images: the share of each class that is for testing, e.g. 0.2; default: every sixth image",
     APD_CLI_HOLDS(import_options, test)},
    {.name = "test-list",
     .argument = "FILE",
     .help = "with images: the test images, a path in SOURCE a line",
     APD_CLI_HOLDS(import_options, test_list)},
    {.name = "skip-damaged",
     .help = "with images: pass over damaged or missing images and name them, rather than refuse all",
     APD_CLI_SETS(import_options, skip_damaged)},
    {0},
};

static void say(const char *path, const apd_dataset_content *content, uint64_t digest) {
    (void)printf("%s: %" PRId64 " training and %s, %d x %d x %d, %s", path, content->count[APD_SPLIT_TRAIN],
                 apd_count(content->count[APD_SPLIT_TEST], "test image").text, content->shape.channels,
                 content->shape.height, content->shape.width, apd_count(content->classes, "class").text);
    if (content->coarse_classes > 0)
        (void)printf(" in %s", apd_count(content->coarse_classes, "group").text);
    (void)printf(", digest %016" PRIx64 "\n", digest);
}

/* "32", or "24x32". */
static apd_status read_size(const char *text, apd_image_size *size, apd_error *error) {
    char end = '\0';
    int count = sscanf(text, "%dx%d%c", &size->height, &size->width, &end);
    if (count == 1 && strspn(text, "0123456789") == strlen(text))
        size->width = size->height;
    else if (count != 2)
        size->height = 0;
    if (size->height < 1 || size->width < 1 || size->height > APD_DATASET_MAX_SIDE ||
        size->width > APD_DATASET_MAX_SIDE)
        return apd_fail(error, APD_ERROR_USAGE,
                        "--size %s: it must be SIDE or HEIGHTxWIDTH, each from 1 to %d", text,
                        APD_DATASET_MAX_SIDE);
    return APD_OK;
}

static apd_status read_options(const apd_importer *row, const import_options *given, apd_import_options *out,
                               apd_error *error) {
    const struct {
        const char *name;
        bool given;
    } only[] = {{"size", given->size != NULL},
                {"labels", given->labels != NULL},
                {"test", given->test != NULL},
                {"test-list", given->test_list != NULL},
                {"skip-damaged", given->skip_damaged}};
    for (size_t i = 0; i < sizeof only / sizeof only[0] && !row->takes_options; i++)
        if (only[i].given)
            return apd_fail(error, APD_ERROR_USAGE, "--%s goes with images, not with %s", only[i].name,
                            row->name);
    if (given->test != NULL && given->test_list != NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--test and --test-list exclude each other");
    *out = (apd_import_options){
        .labels = given->labels, .test_list = given->test_list, .skip_damaged = given->skip_damaged};
    if (given->size != NULL)
        APD_TRY(read_size(given->size, &out->fit, error));
    if (given->test != NULL)
        APD_TRY(apd_cli_number("test", given->test, 0.0, 1.0, &out->test_share, error));
    if (given->test != NULL && (out->test_share == 0.0 || out->test_share == 1.0))
        return apd_fail(error, APD_ERROR_USAGE, "--test %s: it must be above 0 and below 1", given->test);
    return APD_OK;
}

static apd_status run(const void *given, int count, const char *const *arguments, apd_error *error) {
    const import_options *options = given;
    const char *output = options->output;
    (void)count;
    const apd_importer *row = apd_importers;
    while (row->name != NULL && strcmp(row->name, arguments[0]) != 0)
        row++;
    if (row->name == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "\"%s\" is not a known format: cifar100, mnist, omniglot, omniglot-turned or images",
                        arguments[0]);
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed");
    apd_import_options how;
    APD_TRY(read_options(row, options, &how, error));
    apd_dataset_content content = {0};
    uint64_t digest = 0;
    apd_status status = row->read(arguments[1], &how, &content, error);
    if (status == APD_OK)
        status = apd_dataset_write(output, &content, &digest, error);
    if (status == APD_OK)
        say(output, &content, digest);
    apd_dataset_content_clear(&content);
    return status;
}

const apd_command apd_command_import = {
    .name = "import",
    .arguments = "FORMAT SOURCE",
    .summary = "make a data file from CIFAR-100, MNIST, Omniglot or folders of images",
    .details =
        "FORMAT and SOURCE:\n"
        "  cifar100 FOLDER   train.bin and test.bin of the binary version (also .gz, .xz, or in parts)\n"
        "  mnist FOLDER      the four idx files of MNIST or Fashion-MNIST (also .gz, .xz)\n"
        "  omniglot FOLDER   images_background/ and images_evaluation/, unpacked; drawers 1-15 train, 16-20 "
        "test\n"
        "  omniglot-turned FOLDER   the same, each drawing in four rotations, which train and test by lot: "
        "the\n"
        "                    same drawing may be in both\n"
        "  images FOLDER     a folder of PNG and JPEG files for each class, in train/ and test/; without "
        "these, one\n"
        "                    image in six is for testing; or any folder with --labels FILE",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 2,
    .most = 2,
    .run = run,
};
