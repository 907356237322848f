#include "io/data/image_array.h"

#include "base/memory.h"
#include "io/data/dataset_file.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/read_driver.h"
#include "network/normalisation.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

apd_status apd_image_array_check(const char *path, const char *name, const apd_h5_shape *shape,
                                 apd_error *error) {
    static const struct {
        const char *what;
        hsize_t most;
    } limits[4] = {{"images", (hsize_t)1 << 40},
                   {"channels", APD_MAX_CHANNELS},
                   {"rows", APD_DATASET_MAX_SIDE},
                   {"columns", APD_DATASET_MAX_SIDE}};
    if (shape->rank != 4)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: %s: has rank %d; it must be 4: (images, channels, rows, columns)", path, name,
                        shape->rank);
    for (int d = 0; d < 4; d++)
        if (shape->sizes[d] < 1 || shape->sizes[d] > limits[d].most)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: %s: the number of %s is %" PRIu64 "; it must be 1 to %" PRIu64
                            "; its shape is (images, channels, rows, columns)",
                            path, name, limits[d].what, (uint64_t)shape->sizes[d], (uint64_t)limits[d].most);
    bool bytes = shape->kind == H5T_INTEGER && !shape->is_signed && shape->item_bytes == 1;
    bool floats = shape->kind == H5T_FLOAT && shape->item_bytes == 4;
    if (!bytes && !floats)
        return apd_fail(error, APD_ERROR_DATA, "%s: %s: is of another type; uint8 or float32 is needed", path,
                        name);
    return APD_OK;
}

static apd_status open_array(apd_image_array *array, apd_error *error) {
    apd_h5_shape shape;
    APD_TRY(apd_h5_open(array->path, &array->file, error));
    if (!apd_h5_exists(array->file, array->name))
        return apd_fail(error, APD_ERROR_DATA, "%s: there is no data set %s in it", array->path, array->name);
    APD_TRY(apd_h5_set_open(array->file, array->name, &array->set, &shape, error));
    APD_TRY(apd_image_array_check(array->path, array->name, &shape, error));
    array->shape = (apd_image_shape){(int)shape.sizes[1], (int)shape.sizes[2], (int)shape.sizes[3]};
    array->is_float = shape.kind == H5T_FLOAT;
    array->count = (int64_t)shape.sizes[0];
    array->image_bytes =
        (int64_t)array->shape.channels * array->shape.height * array->shape.width * (int64_t)shape.item_bytes;
    return APD_OK;
}

apd_status apd_image_array_open(const char *path, const char *name, apd_image_array *out, apd_error *error) {
    apd_image_array array = {
        .path = apd_duplicate_text(path), .name = apd_duplicate_text(name), .file = -1, .set = -1};
    const char *former = apd_h5_guard_begin(path);
    apd_status status = apd_h5_check_refused(open_array(&array, error), error);
    apd_h5_guard_end(former);
    if (status == APD_OK)
        *out = array;
    else
        apd_image_array_close(&array);
    return status;
}

void apd_image_array_close(apd_image_array *array) {
    apd_error ignored;
    apd_h5_set_close(array->set);
    (void)apd_h5_close(&array->file, array->path, &ignored);
    free(array->path);
    free(array->name);
    *array = (apd_image_array){.file = -1, .set = -1};
}

apd_status apd_image_array_read(const apd_image_array *array, int64_t first, int64_t count, void *images,
                                apd_error *error) {
    APD_ASSERT(first >= 0 && count >= 0 && first + count <= array->count);
    const char *former = apd_h5_guard_begin(array->path);
    apd_status status = apd_h5_rows_read(
        array->set, first, count, array->is_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8, images, error);
    status = apd_h5_check_refused(status, error);
    apd_h5_guard_end(former);
    int64_t pixels = array->image_bytes / (int64_t)sizeof(float);
    for (int64_t i = 0; status == APD_OK && array->is_float && i < count * pixels; i++)
        if (!isfinite(((const float *)images)[i]))
            status =
                apd_fail(error, APD_ERROR_DATA, "%s: %s: image %" PRId64 " has a pixel that is not finite",
                         array->path, array->name, first + i / pixels);
    return status;
}
