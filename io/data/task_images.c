#include "io/data/task_images.h"

#include "base/memory.h"
#include "io/data/transform.h"

#include <stdlib.h>

enum { PIECE_BYTES = 4 << 20 };

/* What is read at once. */
typedef struct image_piece {
    int64_t room;     /* images */
    int64_t *indices; /* (room) the images' places in the split, ascending */
    uint8_t *images;  /* (room) */
    int64_t count;
} image_piece;

static bool is_wanted(const apd_task_images *wanted, int64_t sample) {
    return wanted->sums != NULL || wanted->slots[sample] >= 0;
}

/* Choose the images of the samples from `first` on until the piece is full; returns the sample to go on with. */
static int64_t plan(const apd_task_images *wanted, int64_t first, image_piece *piece) {
    int64_t i = first;
    for (piece->count = 0; i < wanted->count; i++) {
        int64_t image = wanted->samples[i].image;
        if (!is_wanted(wanted, i) || (piece->count > 0 && piece->indices[piece->count - 1] == image))
            continue;
        if (piece->count == piece->room)
            break;
        piece->indices[piece->count++] = image;
    }
    return i;
}

/* Transform the samples first .. end-1 of a piece that has been read. */
static void place(const apd_task_images *wanted, int64_t first, int64_t end, const image_piece *piece,
                  apd_transform *transform, uint8_t *scratch) {
    const apd_dataset *dataset = wanted->dataset;
    int64_t at = 0;
    for (int64_t i = first; i < end; i++) {
        if (!is_wanted(wanted, i))
            continue;
        const apd_sample *sample = &wanted->samples[i];
        while (piece->indices[at] != sample->image)
            at++;
        int64_t slot = wanted->slots[i];
        uint8_t *image = slot < 0 ? scratch : wanted->kept + slot * dataset->image_bytes;
        apd_transform_apply(transform, sample->turn, piece->images + at * dataset->image_bytes, image);
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
        .turns = wanted->stream->turns,
        .permuted = task->permuted,
        .seed = wanted->stream->seed,
        .task = task->id,
        .angle = task->angle,
    });
}

apd_status apd_task_images_load(const apd_task_images *wanted, apd_error *error) {
    int64_t bytes = wanted->dataset->image_bytes;
    image_piece piece = {.room = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1};
    if (piece.room > wanted->count)
        piece.room = wanted->count;
    piece.indices = apd_allocate(piece.room, sizeof *piece.indices, "a piece of images");
    piece.images = apd_allocate(piece.room, (size_t)bytes, "a piece of images");
    uint8_t *scratch = apd_allocate(1, (size_t)bytes, "an image");
    apd_transform *transform = transform_of(wanted);
    apd_split split = wanted->part == APD_PART_TEST ? APD_SPLIT_TEST : APD_SPLIT_TRAIN;
    apd_status status = APD_OK;
    for (int64_t first = 0, end; first < wanted->count; first = end) {
        end = plan(wanted, first, &piece);
        if (piece.count > 0)
            APD_GO(apd_dataset_read(wanted->dataset, split, piece.indices, piece.count, piece.images, error));
        place(wanted, first, end, &piece, transform, scratch);
    }
out:
    apd_transform_destroy(transform);
    free(scratch);
    free(piece.images);
    free(piece.indices);
    return status;
}
