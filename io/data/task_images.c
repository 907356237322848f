#include "io/data/task_images.h"

#include "base/memory.h"
#include "io/data/transform.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 4 << 20 };

/* Images that are read at once. */
typedef struct image_chunk {
    int64_t capacity; /* images */
    int64_t *indices; /* (capacity) in the split, ascending */
    uint8_t *images;  /* (capacity) */
    int64_t count;
} image_chunk;

static bool is_wanted(const apd_task_images *wanted, int64_t sample) {
    return wanted->sums != NULL || wanted->slots[sample] >= 0;
}

/* Choose the images of the samples from `first` on, until the chunk is full. Returns the first sample left over. */
static int64_t plan(const apd_task_images *wanted, int64_t first, image_chunk *chunk) {
    int64_t i = first;
    for (chunk->count = 0; i < wanted->count; i++) {
        int64_t image = wanted->samples[i].image;
        if (!is_wanted(wanted, i) || (chunk->count > 0 && chunk->indices[chunk->count - 1] == image))
            continue;
        if (chunk->count == chunk->capacity)
            break;
        chunk->indices[chunk->count++] = image;
    }
    return i;
}

/* Transform samples first .. end-1, whose images have been read. */
static void place(const apd_task_images *wanted, int64_t first, int64_t end, const image_chunk *chunk,
                  apd_transform *transform, uint8_t *scratch) {
    const apd_dataset *dataset = wanted->dataset;
    int64_t at = 0;
    for (int64_t i = first; i < end; i++) {
        if (!is_wanted(wanted, i))
            continue;
        const apd_sample *sample = &wanted->samples[i];
        while (chunk->indices[at] != sample->image)
            at++;
        int64_t slot = wanted->slots[i];
        uint8_t *image = slot < 0 ? scratch : wanted->kept + slot * dataset->image_bytes;
        apd_transform_apply(transform, sample->turn, chunk->images + at * dataset->image_bytes, image);
        if (wanted->sums == NULL)
            continue;
        apd_pixel_sums sums = {0}; /* of one image: float sums then do not depend on how the file is read */
        apd_pixel_sums_add(&sums, dataset->shape, dataset->is_float, 1, image);
        apd_pixel_sums_join(wanted->sums, &sums);
    }
}

static apd_transform *transform_of(const apd_task_images *wanted) {
    const apd_task *task = &wanted->stream->tasks[wanted->task];
    return apd_transform_create(&(apd_transform_spec){
        .shape = wanted->dataset->shape,
        .is_float = wanted->dataset->is_float,
        .scrambled = wanted->stream->scrambled,
        .turns = wanted->stream->turns,
        .permuted = task->permuted,
        .seed = wanted->stream->seed,
        .task = task->id,
        .angle = task->angle,
    });
}

apd_status apd_task_images_load(const apd_task_images *wanted, apd_error *error) {
    int64_t bytes = wanted->dataset->image_bytes;
    image_chunk chunk = {.capacity = bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1};
    if (chunk.capacity > wanted->count)
        chunk.capacity = wanted->count;
    chunk.indices = apd_allocate(chunk.capacity, sizeof *chunk.indices, "a chunk of images");
    chunk.images = apd_allocate(chunk.capacity, (size_t)bytes, "a chunk of images");
    uint8_t *scratch = apd_allocate(1, (size_t)bytes, "an image");
    apd_transform *transform = transform_of(wanted);
    apd_split split = wanted->part == APD_PART_TEST ? APD_SPLIT_TEST : APD_SPLIT_TRAIN;
    apd_status status = APD_OK;
    for (int64_t first = 0, end; first < wanted->count; first = end) {
        end = plan(wanted, first, &chunk);
        if (chunk.count > 0)
            APD_GO(apd_dataset_read(wanted->dataset, split, chunk.indices, chunk.count, chunk.images, error));
        place(wanted, first, end, &chunk, transform, scratch);
    }
out:
    apd_transform_destroy(transform);
    free(scratch);
    free(chunk.images);
    free(chunk.indices);
    return status;
}
