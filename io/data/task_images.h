/* task_images: chosen samples of a task read from the data file, transformed, into one array.
 *
 * The file is read in pieces of a few megabytes in image order, each image once however many of its turns are
 * wanted, so a task needs the room of what is kept and no more. */
#ifndef APD_IO_DATA_TASK_IMAGES_H
#define APD_IO_DATA_TASK_IMAGES_H

#include "io/data/pixels.h"
#include "io/data/stream.h"

typedef struct apd_task_images {
    const apd_stream *stream;
    apd_dataset *dataset;
    int task;
    apd_part_kind part;
    const apd_sample *samples; /* (count) as apd_stream_samples gives them */
    int64_t count;
    const int64_t *slots; /* (count) where the sample goes in `kept`; -1: nowhere */
    uint8_t *kept;        /* (largest slot + 1) images as stored, transformed */
    apd_pixel_sums *sums; /* not NULL: sums over all samples, which are all read then */
} apd_task_images;

/* Local. Statuses: IO, DATA as apd_dataset_read. */
apd_status apd_task_images_load(const apd_task_images *wanted, apd_error *error);

#endif
