/* task_images: read chosen samples of a task from the data file, transformed, into one array. Local.
 *
 * The file is read in chunks of a few megabytes in image order, each image once for all its turns, so loading takes no more
 * memory than what is kept. */
#ifndef APD_IO_DATA_TASK_IMAGES_H
#define APD_IO_DATA_TASK_IMAGES_H

#include "io/data/pixels.h"
#include "io/data/stream.h"

typedef struct apd_task_images {
    const apd_stream *stream;
    apd_dataset *dataset;
    int task;
    apd_part_kind part;
    const apd_sample *samples; /* (count) from apd_stream_samples */
    int64_t count;
    const int64_t *slots; /* (count) the sample's index in `kept`; -1: not kept */
    uint8_t *kept;        /* (largest slot + 1) images as stored, transformed: written */
    apd_pixel_sums *sums; /* not NULL: sums over all samples are added, so all of them are read */
} apd_task_images;

/* Statuses: those of apd_dataset_read; `kept` and `sums` are then undefined. */
apd_status apd_task_images_load(const apd_task_images *wanted, apd_error *error);

#endif
