/* A contact sheet of a data file. */
#include "base/memory.h"
#include "io/data/dataset.h"
#include "io/images/generate.h"
#include "io/images/png.h"

#include <stdlib.h>

#define GAP         1 /* pixels between images */
#define MOST_PIXELS (INT64_C(1) << 26)

typedef struct sheet_image {
    apd_image_shape shape; /* 1 or 3 channels; of images with others, the first is shown */
    uint8_t *pixels;
} sheet_image;

static void paste(sheet_image *sheet, const apd_dataset *dataset, const void *image, int64_t top,
                  int64_t left) {
    const uint8_t *bytes = image;
    const float *floats = image;
    apd_image_shape shape = dataset->shape;
    for (int64_t c = 0; c < sheet->shape.channels; c++)
        for (int64_t y = 0; y < shape.height; y++)
            for (int64_t x = 0; x < shape.width; x++) {
                int64_t from = (c * shape.height + y) * shape.width + x;
                int64_t to = (c * sheet->shape.height + top + y) * sheet->shape.width + left + x;
                float value = dataset->is_float ? floats[from] : 0.0F;
                value = value < 0.0F ? 0.0F : value > 1.0F ? 1.0F : value;
                sheet->pixels[to] = dataset->is_float ? (uint8_t)(255.0F * value + 0.5F) : bytes[from];
            }
}

/* The first `columns` training images of each of the first `rows` classes, in file order. */
static apd_status fill(sheet_image *sheet, apd_dataset *dataset, int rows, int columns, apd_error *error) {
    int *used = apd_allocate(rows, sizeof *used, "a sheet's rows");
    void *image = apd_allocate(1, (size_t)dataset->image_bytes, "an image");
    apd_status status = APD_OK;
    for (int64_t i = 0; i < dataset->count[APD_SPLIT_TRAIN] && status == APD_OK; i++) {
        int32_t label = dataset->labels[APD_SPLIT_TRAIN][i];
        if (label >= rows || used[label] == columns)
            continue;
        status = apd_dataset_read(dataset, APD_SPLIT_TRAIN, &i, 1, image, error);
        if (status == APD_OK)
            paste(sheet, dataset, image, GAP + (int64_t)label * (dataset->shape.height + GAP),
                  GAP + (int64_t)used[label]++ * (dataset->shape.width + GAP));
    }
    free(image);
    free(used);
    return status;
}

static apd_status make_sheet(apd_dataset *dataset, const char *png_path, int rows, int columns,
                             apd_error *error) {
    rows = rows < dataset->classes ? rows : dataset->classes;
    int64_t height = GAP + (int64_t)rows * (dataset->shape.height + GAP);
    int64_t width = GAP + (int64_t)columns * (dataset->shape.width + GAP);
    if (height > MOST_PIXELS / width)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: %d rows of %d images make too large a sheet; ask for fewer", png_path, rows,
                        columns);
    sheet_image sheet = {.shape = {dataset->shape.channels == 3 ? 3 : 1, (int)height, (int)width}};
    sheet.pixels = apd_allocate(height * width, (size_t)sheet.shape.channels, "a sheet");
    for (int64_t i = 0; i < height * width * sheet.shape.channels; i++)
        sheet.pixels[i] = 96;
    apd_status status = fill(&sheet, dataset, rows, columns, error);
    if (status == APD_OK)
        status = apd_png_write(png_path, sheet.shape, sheet.pixels, error);
    free(sheet.pixels);
    return status;
}

apd_status apd_dataset_contact_sheet(const char *data_path, const char *png_path, int rows, int columns,
                                     apd_error *error) {
    if (rows < 1 || columns < 1 || columns > 4096)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: a sheet of %d rows of %d images is not possible; rows must be at least 1, columns 1 to 4096",
            png_path, rows, columns);
    apd_dataset *dataset;
    APD_TRY(apd_dataset_open(data_path, &dataset, error));
    apd_status status = make_sheet(dataset, png_path, rows, columns, error);
    apd_dataset_close(dataset);
    return status;
}
