#include "io/images/png.h"

#include "base/memory.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_COMPRESSION 1032 /* of deflate */

/* All that a call owns, in the caller's frame, so that a jump out of libpng leaks nothing. */
typedef struct png_job {
    const char *path;
    FILE *file;
    png_structp png;
    png_infop info;
    uint8_t *pixels; /* (H, W, values) interleaved */
    png_bytep *rows;
    char reason[200];
} png_job;

static void on_error(png_structp png, png_const_charp message) {
    png_job *job = png_get_error_ptr(png);
    (void)snprintf(job->reason, sizeof job->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void end_read(png_job *job) {
    png_destroy_read_struct(&job->png, &job->info, NULL);
    free(job->pixels);
    free(job->rows);
    if (job->file != NULL)
        (void)fclose(job->file);
}

static apd_status damaged(const png_job *job, apd_error *error) {
    return apd_fail(error, APD_ERROR_DATA, "%s: not a good PNG file: %s", job->path, job->reason);
}

/* Open the file and read its header. */
static apd_status begin_read(png_job *job, const char *path, apd_error *error) {
    *job = (png_job){.path = path};
    job->file = fopen(path, "rbe");
    if (job->file == NULL)
        return apd_fail_errno(error, errno, "%s: cannot open", path);
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png != NULL ? png_create_info_struct(job->png) : NULL;
    if (job->info == NULL)
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: libpng does not start", path);
    if (setjmp(png_jmpbuf(job->png)) != 0)
        return damaged(job, error);
    png_set_user_limits(job->png, APD_IMAGE_MAX_SIDE, APD_IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(job->png, 8 << 20);
    png_set_chunk_cache_max(job->png, 100);
    png_init_io(job->png, job->file);
    png_read_info(job->png, job->info);
    return APD_OK;
}

static apd_image_shape shape_of(const png_job *job) {
    bool colour = (png_get_color_type(job->png, job->info) & PNG_COLOR_MASK_COLOR) != 0;
    return (apd_image_shape){.channels = colour ? 3 : 1,
                             .height = (int)png_get_image_height(job->png, job->info),
                             .width = (int)png_get_image_width(job->png, job->info)};
}

/* Deflate packs at most 1032 bytes into one, so a header that says more is wrong. */
static apd_status check_size(const png_job *job, apd_error *error) {
    struct stat facts;
    uint64_t bytes =
        (uint64_t)png_get_rowbytes(job->png, job->info) * png_get_image_height(job->png, job->info);
    if (fstat(fileno(job->file), &facts) != 0)
        return apd_fail_errno(error, errno, "%s: cannot read", job->path);
    if (bytes / MOST_COMPRESSION > (uint64_t)facts.st_size)
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: not a good PNG file: its header says %u x %u pixels, more than its %lld bytes can "
            "hold",
            job->path, png_get_image_height(job->png, job->info), png_get_image_width(job->png, job->info),
            (long long)facts.st_size);
    return APD_OK;
}

apd_status apd_png_shape(const char *path, apd_image_shape *shape, apd_error *error) {
    png_job job;
    apd_status status;
    APD_GO(begin_read(&job, path, error));
    APD_GO(check_size(&job, error));
    *shape = shape_of(&job);
out:
    end_read(&job);
    return status;
}

static void make_rows(png_job *job, int height, size_t row_bytes) {
    job->pixels = apd_allocate(height, row_bytes, "an image");
    job->rows = apd_allocate(height, sizeof *job->rows, "an image's rows");
    for (int y = 0; y < height; y++)
        job->rows[y] = job->pixels + (size_t)y * row_bytes;
}

/* Read the pixels; `*values` is the number of values of a pixel: grey or colour, with or without alpha. */
static apd_status read_rows(png_job *job, int *values, apd_error *error) {
    if (setjmp(png_jmpbuf(job->png)) != 0)
        return damaged(job, error);
    png_set_expand(job->png);
    png_set_scale_16(job->png);
    (void)png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    *values = png_get_channels(job->png, job->info);
    make_rows(job, (int)png_get_image_height(job->png, job->info), png_get_rowbytes(job->png, job->info));
    png_read_image(job->png, job->rows);
    png_read_end(job->png, NULL);
    return APD_OK;
}

static void split_planes(const png_job *job, int values, apd_image_shape shape, uint8_t *pixels) {
    bool has_alpha = values == 2 || values == 4;
    size_t plane = (size_t)shape.height * (size_t)shape.width;
    for (size_t i = 0; i < plane; i++) {
        const uint8_t *pixel = job->pixels + i * (size_t)values;
        unsigned alpha = has_alpha ? pixel[values - 1] : 255;
        for (int c = 0; c < shape.channels; c++) {
            unsigned value = pixel[values > 2 ? c : 0];
            pixels[(size_t)c * plane + i] = (uint8_t)((value * alpha + 127) / 255);
        }
    }
}

apd_status apd_png_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error) {
    png_job job;
    int values = 0;
    apd_status status;
    APD_GO(begin_read(&job, path, error));
    APD_GO(check_size(&job, error));
    apd_image_shape found = shape_of(&job);
    if (found.height != shape.height || found.width != shape.width || found.channels > shape.channels) {
        status = apd_fail(error, APD_ERROR_DATA,
                          "%s: the image is %d x %d x %d (channels x height x width); %d x %d x %d is needed",
                          path, found.channels, found.height, found.width, shape.channels, shape.height,
                          shape.width);
        goto out;
    }
    APD_GO(read_rows(&job, &values, error));
    split_planes(&job, values, shape, pixels);
out:
    end_read(&job);
    return status;
}

static void interleave(const png_job *job, apd_image_shape shape, const uint8_t *pixels) {
    size_t plane = (size_t)shape.height * (size_t)shape.width, values = (size_t)shape.channels;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < values; c++)
            job->pixels[i * values + c] = pixels[c * plane + i];
}

static apd_status write_rows(png_job *job, apd_image_shape shape, apd_error *error) {
    if (setjmp(png_jmpbuf(job->png)) != 0)
        return apd_fail(error, APD_ERROR_IO, "%s: cannot write: %s", job->path, job->reason);
    png_init_io(job->png, job->file);
    png_set_IHDR(job->png, job->info, (png_uint_32)shape.width, (png_uint_32)shape.height, 8,
                 shape.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    png_write_image(job->png, job->rows);
    png_write_end(job->png, NULL);
    return APD_OK;
}

apd_status apd_png_write(const char *path, apd_image_shape shape, const uint8_t *pixels, apd_error *error) {
    APD_ASSERT((shape.channels == 1 || shape.channels == 3) && shape.height > 0 && shape.width > 0);
    png_job job = {.path = path, .file = fopen(path, "wbe")};
    if (job.file == NULL)
        return apd_fail_errno(error, errno, "%s: cannot create", path);
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    job.info = job.png != NULL ? png_create_info_struct(job.png) : NULL;
    apd_status status;
    if (job.info == NULL) {
        status = apd_fail(error, APD_ERROR_INTERNAL, "%s: libpng does not start", path);
    } else {
        make_rows(&job, shape.height, (size_t)shape.width * (size_t)shape.channels);
        interleave(&job, shape, pixels);
        status = write_rows(&job, shape, error);
    }
    png_destroy_write_struct(&job.png, &job.info);
    free(job.pixels);
    free(job.rows);
    if (fclose(job.file) != 0 && status == APD_OK)
        status = apd_fail_errno(error, errno, "%s: cannot write", path);
    return status;
}
