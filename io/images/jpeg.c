#include "io/images/jpeg.h"

#include "base/memory.h"
#include "io/images/exif.h"
#include "io/images/png.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* All that a call owns, in the caller's frame, so that a jump out of libjpeg leaks nothing. */
typedef struct jpeg_job {
    struct jpeg_error_mgr manager; /* first: libjpeg hands a pointer to it back */
    jmp_buf back;
    const char *path;
    FILE *file;
    struct jpeg_decompress_struct jpeg;
    bool begun;
    int orientation; /* exif.h */
    uint8_t *row;    /* (W, values), as stored */
    char reason[JMSG_LENGTH_MAX];
} jpeg_job;

static void on_error(j_common_ptr jpeg) {
    jpeg_job *job = (jpeg_job *)jpeg->err;
    jpeg->err->format_message(jpeg, job->reason);
    longjmp(job->back, 1);
}

/* A warning is data that do not belong to a whole file: cut short, or changed. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0)
        on_error(jpeg);
}

static void end_read(jpeg_job *job) {
    if (job->begun)
        jpeg_destroy_decompress(&job->jpeg);
    free(job->row);
    if (job->file != NULL)
        (void)fclose(job->file);
}

static apd_status damaged(const jpeg_job *job, apd_error *error) {
    return apd_fail(error, APD_ERROR_DATA, "%s: not a good JPEG file: %s", job->path, job->reason);
}

/* Open the file and read its header. */
static apd_status begin_read(jpeg_job *job, const char *path, apd_error *error) {
    job->path = path;
    job->file = fopen(path, "rbe");
    if (job->file == NULL)
        return apd_fail_errno(error, errno, "%s: cannot open", path);
    job->jpeg.err = jpeg_std_error(&job->manager);
    job->manager.error_exit = on_error;
    job->manager.emit_message = on_message;
    if (setjmp(job->back) != 0)
        return damaged(job, error);
    jpeg_create_decompress(&job->jpeg);
    job->begun = true;
    jpeg_stdio_src(&job->jpeg, job->file);
    jpeg_save_markers(&job->jpeg, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(&job->jpeg, TRUE);
    if (job->jpeg.num_components != 1 && job->jpeg.num_components != 3)
        return apd_fail(error, APD_ERROR_DATA, "%s: has %d colours; 1 (grey) or 3 are needed", path,
                        job->jpeg.num_components);
    if (job->jpeg.image_width > APD_IMAGE_MAX_SIDE || job->jpeg.image_height > APD_IMAGE_MAX_SIDE)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: is %u x %u (height x width); %d pixels a side are the most", path,
                        job->jpeg.image_height, job->jpeg.image_width, APD_IMAGE_MAX_SIDE);
    job->orientation = 1;
    for (jpeg_saved_marker_ptr m = job->jpeg.marker_list; m != NULL && job->orientation == 1; m = m->next)
        job->orientation = apd_exif_orientation(m->data, m->data_length);
    return APD_OK;
}

/* As it is shown. */
static apd_image_shape shape_of(const jpeg_job *job) {
    const int height = (int)job->jpeg.image_height, width = (int)job->jpeg.image_width;
    const bool swaps = apd_exif_swaps(job->orientation);
    return (apd_image_shape){.channels = job->jpeg.num_components,
                             .height = swaps ? width : height,
                             .width = swaps ? height : width};
}

apd_status apd_jpeg_shape(const char *path, apd_image_shape *shape, apd_error *error) {
    jpeg_job job = {0};
    apd_status status = begin_read(&job, path, error);
    if (status == APD_OK)
        *shape = shape_of(&job);
    end_read(&job);
    return status;
}

static apd_status read_rows(jpeg_job *job, apd_image_shape shape, uint8_t *pixels, apd_error *error) {
    const int values = job->jpeg.num_components;
    const apd_image_shape stored = {.height = (int)job->jpeg.image_height,
                                    .width = (int)job->jpeg.image_width};
    size_t plane = (size_t)shape.height * (size_t)shape.width;
    job->row = apd_allocate(stored.width, (size_t)values, "a row of an image");
    if (setjmp(job->back) != 0)
        return damaged(job, error);
    job->jpeg.out_color_space = values == 1 ? JCS_GRAYSCALE : JCS_RGB;
    (void)jpeg_start_decompress(&job->jpeg);
    while (job->jpeg.output_scanline < job->jpeg.output_height) {
        const int y = (int)job->jpeg.output_scanline;
        JSAMPROW row = job->row;
        (void)jpeg_read_scanlines(&job->jpeg, &row, 1);
        for (int x = 0; x < stored.width; x++) {
            uint8_t *out = pixels + apd_exif_place(job->orientation, stored, y, x);
            for (int c = 0; c < shape.channels; c++)
                out[(size_t)c * plane] = job->row[x * values + (values == 3 ? c : 0)];
        }
    }
    (void)jpeg_finish_decompress(&job->jpeg);
    return APD_OK;
}

apd_status apd_jpeg_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error) {
    jpeg_job job = {0};
    apd_status status = begin_read(&job, path, error);
    if (status == APD_OK) {
        apd_image_shape found = shape_of(&job);
        if (found.height != shape.height || found.width != shape.width || found.channels > shape.channels)
            status = apd_fail(
                error, APD_ERROR_DATA,
                "%s: the image is %d x %d x %d (channels x height x width); %d x %d x %d is needed", path,
                found.channels, found.height, found.width, shape.channels, shape.height, shape.width);
        else
            status = read_rows(&job, shape, pixels, error);
    }
    end_read(&job);
    return status;
}
