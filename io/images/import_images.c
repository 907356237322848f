/* Folders of PNG and JPEG files. All headers are read first, so that a file of another size is named before any image is read, and
 * memory is allocated once. */
#include "base/log.h"
#include "base/memory.h"
#include "io/images/image_list.h"
#include "io/images/import_formats.h"
#include "io/images/picture.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct image_job {
    const apd_import_options *options;
    apd_image_list list;
    apd_dataset_content *content;
    char *first; /* the file whose size the others must have */
} image_job;

/* --- which images, and which of them for testing --------------------------------------------------------------- */

static apd_status check_options(const char *folder, const apd_import_options *options, bool chosen,
                                apd_error *error) {
    bool asks = options->test_share > 0.0 || options->test_list != NULL;
    bool has_folders = apd_has_split_folders(folder);
    if (asks && chosen)
        return apd_fail(error, APD_ERROR_USAGE, "%s says which images are for testing; leave out --test%s",
                        options->labels, options->test_list != NULL ? "-list" : "");
    if (asks && has_folders && options->labels == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s has train/ and test/, which say which images are for testing; leave out --test%s",
                        folder, options->test_list != NULL ? "-list" : "");
    if (options->labels != NULL && has_folders && !chosen && !asks)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s has train/ and test/, but %s no column split; add it, or --test or --test-list",
                        folder, options->labels);
    return APD_OK;
}

static apd_status list_images(image_job *job, apd_error *error) {
    const apd_import_options *options = job->options;
    bool chosen = false;
    if (options->labels != NULL) {
        APD_TRY(apd_image_list_labels(&job->list, options->labels, &chosen, error));
        APD_TRY(check_options(job->list.folder, options, chosen, error));
        APD_TRY(apd_image_list_unlisted(&job->list, error));
    } else {
        APD_TRY(check_options(job->list.folder, options, chosen, error));
        APD_TRY(apd_image_list_folders(&job->list, error));
    }
    if (options->test_list != NULL) {
        apd_image_list_sort(&job->list);
        APD_TRY(apd_image_list_test_list(&job->list, options->test_list, error));
    }
    return APD_OK;
}

/* --- images, one by one ---------------------------------------------------------------------------------------- */

/* Drop the entry if the options say so, else fail. */
static apd_status pass_over(image_job *job, apd_image_entry *entry, apd_pass_reason reason,
                            const apd_error *cause, apd_error *error) {
    if (cause->status != APD_ERROR_DATA)
        return apd_fail(error, cause->status, "%s", cause->message);
    if (!job->options->skip_damaged)
        return apd_fail(error, APD_ERROR_DATA, "%s; mend it, or --skip-damaged passes over it",
                        cause->message);
    apd_warn("%s; passed over", cause->message);
    apd_pass_over(&job->list.passed, reason, entry->path);
    entry->set = APD_IMAGE_DROPPED;
    return APD_OK;
}

/* Whether an image that the labels list is there. */
static apd_status check_there(image_job *job, const apd_image_entry *entry, const char *path,
                              apd_error *error) {
    bool there = true;
    if (entry->line > 0)
        APD_TRY(apd_file_exists(path, &there, error));
    if (there && !(entry->line > 0 && apd_is_folder(path)))
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA, "%s: line %" PRId64 ": there is no file %s%s",
                    job->options->labels, entry->line, path,
                    entry->line == 1 ? " (a header names the columns path, class and split)" : "");
}

/* The shape of all files: they have one size, or are made to fit one; 3 channels if any file has colours. */
static apd_status look_at(image_job *job, apd_image_entry *entry, const char *path, apd_error *error) {
    apd_image_size fit = job->options->fit;
    apd_image_shape here = {0}, *shape = &job->content->shape;
    apd_error cause = {0};
    if (check_there(job, entry, path, &cause) != APD_OK)
        return pass_over(job, entry, APD_PASS_MISSING, &cause, error);
    if (apd_picture_shape(path, &here, &cause) != APD_OK)
        return pass_over(job, entry, APD_PASS_DAMAGED, &cause, error);
    if (fit.height > 0) {
        here.height = fit.height;
        here.width = fit.width;
    }
    if (job->first == NULL) {
        job->first = apd_duplicate_text(path);
        *shape = here;
    }
    if (here.height != shape->height || here.width != shape->width)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: is %d x %d (height x width), and %s is %d x %d; all images must have one size, "
                        "or --size makes them fit one",
                        path, here.height, here.width, job->first, shape->height, shape->width);
    shape->channels = here.channels > shape->channels ? here.channels : shape->channels;
    return APD_OK;
}

static apd_status read_one(image_job *job, apd_image_entry *entry, const char *path, apd_error *error) {
    apd_dataset_content *content = job->content;
    int64_t bytes = (int64_t)content->shape.channels * content->shape.height * content->shape.width;
    int64_t *count = &content->count[entry->set];
    apd_error cause = {0};
    apd_status status = (job->options->fit.height > 0 ? apd_picture_read_to_fit : apd_picture_read)(
        path, content->shape, content->images[entry->set] + *count * bytes, &cause);
    if (status != APD_OK)
        return pass_over(job, entry, APD_PASS_DAMAGED, &cause, error);
    content->labels[entry->set][*count] = entry->label;
    ++*count;
    return APD_OK;
}

static apd_status for_each(image_job *job, const char *doing,
                           apd_status (*step)(image_job *, apd_image_entry *, const char *, apd_error *),
                           apd_error *error) {
    apd_status status = APD_OK;
    for (int64_t i = 0; i < job->list.count && status == APD_OK; i++) {
        apd_image_entry *entry = &job->list.entries[i];
        char *path = apd_join_path(job->list.folder, entry->path);
        apd_progress("%s image %" PRId64 " of %" PRId64, doing, i + 1, job->list.count);
        status = step(job, entry, path, error);
        free(path);
    }
    apd_image_list_drop(&job->list);
    return status;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

/* Room for all images; the counts then start at 0. */
static apd_status allocate(image_job *job, apd_error *error) {
    for (int split = 0; split < APD_SPLITS; split++) {
        int64_t count = 0;
        for (int64_t i = 0; i < job->list.count; i++)
            count += (int)job->list.entries[i].set == split;
        APD_TRY(apd_content_allocate(job->list.folder, job->content, (apd_split)split, count, false, error));
        job->content->count[split] = 0;
    }
    return APD_OK;
}

static apd_status import_all(image_job *job, apd_error *error) {
    apd_names classes = {0};
    apd_status status;
    APD_GO(list_images(job, error));
    APD_GO(for_each(job, "looking at", look_at, error));
    if (job->list.count == 0)
        APD_GO(apd_fail(error, APD_ERROR_DATA,
                        "%s: there are no images; a folder of PNG or JPEG files for each class is needed, or "
                        "--labels",
                        job->list.folder));
    apd_image_list_number(&job->list, &classes);
    apd_image_list_choose(&job->list, job->options->test_share);
    APD_GO(apd_image_list_check(&job->list, error));
    APD_GO(allocate(job, error));
    APD_GO(for_each(job, "reading", read_one, error));
    APD_GO(apd_image_list_check(&job->list, error));
    job->content->classes = (int)classes.count;
    job->content->class_names = classes.names;
    classes = (apd_names){0}; /* the content's from here */
out:
    apd_names_clear(&classes);
    return status;
}

apd_status apd_import_images(const char *path, const apd_import_options *options,
                             apd_dataset_content *content, apd_error *error) {
    *content = (apd_dataset_content){.source = "images"};
    image_job job = {.options = options, .list.folder = path, .content = content};
    apd_status status = import_all(&job, error);
    apd_passed_over_say(&job.list.passed);
    apd_image_list_clear(&job.list);
    free(job.first);
    return status;
}
