#include "io/images/import.h"

#include "io/images/import_formats.h"

#include <stddef.h>

/* A reader that fails half-way leaves nothing behind. */
static apd_status ended(apd_status status, apd_dataset_content *content) {
    if (status != APD_OK)
        apd_dataset_content_clear(content);
    return status;
}

#define READER(format)                                                                   \
    static apd_status read_##format(const char *path, const apd_import_options *options, \
                                    apd_dataset_content *content, apd_error *error) {    \
        (void)options;                                                                   \
        return ended(apd_import_##format(path, content, error), content);                \
    }

READER(cifar100)
READER(mnist)
READER(omniglot)
READER(omniglot_turned)

static apd_status read_images(const char *path, const apd_import_options *options,
                              apd_dataset_content *content, apd_error *error) {
    return ended(apd_import_images(path, options, content, error), content);
}

const apd_importer apd_importers[] = {
    {"cifar100", "a folder with train.bin and test.bin (also .gz, .xz, and in parts: train-1.bin, ...)",
     "CIFAR-100, binary version: 32x32 colour, 100 classes in 20 superclasses", read_cifar100, false},
    {"mnist", "a folder with the four idx files, train-images-idx3-ubyte and so on (also .gz, .xz)",
     "MNIST, Fashion-MNIST and others in the idx format", read_mnist, false},
    {"omniglot", "a folder with images_background and images_evaluation, unpacked",
     "Omniglot: 1,623 characters, made 28x28; drawers 1-15 train, 16-20 test", read_omniglot, false},
    {"omniglot-turned", "a folder with images_background and images_evaluation, unpacked",
     "Omniglot, each drawing in four rotations; 60 of a class's 80 images, drawn by lot, train",
     read_omniglot_turned, false},
    {"images",
     "a folder with one folder of PNG or JPEG files a class, or train/ and test/ with such folders, or any "
     "folder with a table of labels",
     "PNG and JPEG files of one size, or made to fit one", read_images, true},
    {0},
};
