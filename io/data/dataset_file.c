#include "io/data/dataset_file.h"

#include "base/digest.h"

const char *const apd_split_names[APD_SPLITS] = {"train", "test"};

uint64_t apd_dataset_shape_digest(apd_image_shape shape, bool is_float) {
    const int32_t numbers[4] = {shape.channels, shape.height, shape.width, is_float};
    return apd_digest(numbers, sizeof numbers);
}

uint64_t apd_dataset_split_digest(int64_t count, const int32_t *labels, const int32_t *coarse,
                                  uint64_t images) {
    size_t bytes = (size_t)count * sizeof *labels;
    uint64_t digest = apd_digest_join(apd_digest(labels, bytes), images);
    return coarse != NULL ? apd_digest_join(digest, apd_digest(coarse, bytes)) : digest;
}
