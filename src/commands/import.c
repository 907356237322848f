/* apd import: make a data file from another format. */
#include "io/images/import.h"
#include "base/counted.h"
#include "base/log.h"
#include "commands/commands.h"

#include <inttypes.h>
#include <string.h>

typedef struct import_options {
    const char *output, *size;
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
static apd_status read_size(const apd_importer *row, const char *text, apd_image_size *size,
                            apd_error *error) {
    char end = '\0';
    if (!row->fits)
        return apd_fail(error, APD_ERROR_USAGE, "--size goes with images; %s has one size", row->name);
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

static apd_status run(const void *given, int count, const char *const *arguments, apd_error *error) {
    const import_options *options = given;
    const char *output = options->output;
    (void)count;
    const apd_importer *row = apd_importers;
    while (row->name != NULL && strcmp(row->name, arguments[0]) != 0)
        row++;
    if (row->name == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "\"%s\" is not a known format: cifar100, mnist, omniglot or images", arguments[0]);
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed");
    apd_image_size fit = {0};
    if (options->size != NULL)
        APD_TRY(read_size(row, options->size, &fit, error));
    apd_dataset_content content = {0};
    uint64_t digest = 0;
    apd_status status = row->read(arguments[1], fit, &content, error);
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
        "  omniglot FOLDER   images_background/ and images_evaluation/, unpacked\n"
        "  images FOLDER     a folder of PNG and JPEG files for each class, in train/ and test/; without "
        "these, one\n"
        "                    image in six is for testing",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 2,
    .most = 2,
    .run = run,
};
