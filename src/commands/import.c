/* apd import: somebody else's data format into ours. */
#include "io/images/import.h"
#include "base/log.h"
#include "commands/commands.h"

#include <inttypes.h>
#include <string.h>

static const char *output = NULL;

static const apd_cli_option options[] = {
    {.name = "output", .argument = "FILE", .help = "the data file to write (required)", .value = &output},
    {0},
};

static void say(const char *path, const apd_dataset_content *content, uint64_t digest) {
    (void)printf("%s: %" PRId64 " training and %" PRId64 " test images, %d x %d x %d, %d classes", path,
                 content->count[APD_SPLIT_TRAIN], content->count[APD_SPLIT_TEST], content->shape.channels,
                 content->shape.height, content->shape.width, content->classes);
    if (content->coarse_classes > 0)
        (void)printf(" in %d groups", content->coarse_classes);
    (void)printf(", digest %016" PRIx64 "\n", digest);
}

static apd_status run(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    const apd_importer *row = apd_importers;
    while (row->name != NULL && strcmp(row->name, arguments[0]) != 0)
        row++;
    if (row->name == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "\"%s\" is not a known format: cifar100, mnist, omniglot or images", arguments[0]);
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed");
    apd_dataset_content content = {0};
    uint64_t digest = 0;
    apd_status status = row->read(arguments[1], &content, error);
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
    .summary = "make a data file of CIFAR-100, MNIST, Omniglot or a folder of PNG images",
    .details =
        "FORMAT and SOURCE:\n"
        "  cifar100 FOLDER   train.bin and test.bin of the binary version (also .gz, .xz, or in parts)\n"
        "  mnist FOLDER      the four idx files of MNIST or Fashion-MNIST (also .gz, .xz)\n"
        "  omniglot FOLDER   images_background/ and images_evaluation/, unpacked\n"
        "  images FOLDER     a folder a class, in train/ and test/ or without (one in six becomes test)",
    .options = options,
    .least = 2,
    .most = 2,
    .run = run,
};
