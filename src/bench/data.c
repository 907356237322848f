/* Images of noise in a file of this process alone, as the program's own reader wants them. */
#include "base/memory.h"
#include "base/random.h"
#include "bench/bench.h"
#include "io/data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill_split(apd_dataset_content *content, apd_split split, int64_t count) {
    int64_t pixels = (int64_t)content->shape.channels * content->shape.height * content->shape.width;
    apd_random random = apd_random_stream(1, APD_RANDOM_TEST, (uint32_t)split, 0);
    content->count[split] = count;
    content->images[split] = apd_allocate(count, (size_t)pixels, "synthetic images");
    content->labels[split] = apd_allocate(count, sizeof(int32_t), "synthetic labels");
    for (int64_t i = 0; i < count * pixels; i++)
        content->images[split][i] = (uint8_t)(apd_random_bits(&random, i) >> 24);
    for (int64_t i = 0; i < count; i++)
        content->labels[split][i] = (int32_t)(i % content->classes);
}

apd_status apd_bench_data(apd_image_shape shape, int classes, int64_t count, char **path, apd_error *error) {
    const char *folder = getenv("TMPDIR");
    char name[512];
    (void)snprintf(name, sizeof name, "%.400s/apd-bench-%ld.h5",
                   folder != NULL && *folder != '\0' ? folder : "/tmp", (long)getpid());
    apd_dataset_content content = {.source = "apd bench", .shape = shape, .classes = classes};
    uint64_t digest = 0;
    fill_split(&content, APD_SPLIT_TRAIN, count > classes ? count : classes);
    fill_split(&content, APD_SPLIT_TEST, classes);
    apd_status status = apd_dataset_write(name, &content, &digest, error);
    apd_dataset_content_clear(&content);
    if (status == APD_OK)
        *path = apd_duplicate_text(name);
    return status;
}
