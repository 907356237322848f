#include "trained/guess.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/data/key.h"
#include "network/kernels/product.h"

#include <stdlib.h>
#include <string.h>

enum {
    USED = 128,  /* sums of a key that are compared */
    PORTION = 64 /* images whose distances are computed together: whole registers of any machine */
};

#define LEAST_VARIANCE 256.0 /* is added: no sum counts without measure */

/* Distances to the keys M_j are (x - M_j)^2 / V added up over the sums that are used, so the nearest one has the most of
 *
 *     sum_k x_k M_jk / V_k - 1/2 sum_k M_jk^2 / V_k = x weights_j + bias_j
 *
 * Used are the sums in which classes differ most for their deviation (Fisher's ratio): the others cost time, and add more noise than
 * they tell. Of Omniglot's 1,200 characters 46 % of images got the right one of 100 tasks with all sums, and 55 % with 128. */
struct apd_guesser {
    const apd_trained_run *file;
    int width;              /* K */
    int used;               /* sums: all, or USED of them */
    int sums[APD_KEY_MOST]; /* (used) */
    int count;              /* keys: classes of all tasks */
    int *places;            /* (count) of the tasks that they belong to */
    float *means;           /* (count, K) */
    float *weights;         /* (count, used) */
    float *bias;            /* (count) */
};

/* Append a task's keys: their means, and their variances to the sums `variances` (K). */
static apd_status add_task(apd_guesser *guesser, int place, double *variances, apd_error *error) {
    const apd_trained_run *file = guesser->file;
    const int width = guesser->width;
    apd_item read = {0};
    if (!file->whole)
        APD_TRY(apd_theta_read_task(file->reader, place, &read, error));
    const apd_item *task = file->whole ? &file->tasks[place] : &read;
    const uint8_t *key = task->own[file->state->block_count - 1].key;
    for (int c = 0; c < file->state->records[place].class_count; c++, key += 2 * width) {
        float *mean = guesser->means + (int64_t)guesser->count * width;
        apd_key_sums(file->shape, key, mean);
        for (int k = 0; k < width; k++)
            variances[k] += apd_key_decode(key[width + k]);
        guesser->places[guesser->count++] = place;
    }
    apd_item_clear(&read);
    return APD_OK;
}

/* ratios (K): how far keys differ in a sum, squared, for its variance. */
static void find_ratios(const apd_guesser *guesser, const double *variances, double *ratios) {
    for (int k = 0; k < guesser->width; k++) {
        double sum = 0.0, squares = 0.0;
        for (int j = 0; j < guesser->count; j++) {
            double mean = (double)guesser->means[(int64_t)j * guesser->width + k];
            sum += mean;
            squares += mean * mean;
        }
        ratios[k] = (squares - sum * sum / guesser->count) / variances[k];
    }
}

/* The USED largest, the first among equals. */
static void choose(apd_guesser *guesser, const double *ratios) {
    bool chosen[APD_KEY_MOST] = {false};
    for (guesser->used = 0; guesser->used < guesser->width && guesser->used < USED;) {
        int best = -1;
        for (int k = 0; k < guesser->width; k++)
            if (!chosen[k] && (best < 0 || ratios[k] > ratios[best]))
                best = k;
        chosen[best] = true;
        guesser->sums[guesser->used++] = best;
    }
}

/* variances (K) of the sums. */
static void weigh(apd_guesser *guesser, const double *variances) {
    for (int j = 0; j < guesser->count; j++) {
        const float *means = guesser->means + (int64_t)j * guesser->width;
        double sum = 0.0;
        for (int u = 0; u < guesser->used; u++) {
            int k = guesser->sums[u];
            double mean = (double)means[k];
            guesser->weights[(int64_t)j * guesser->used + u] = (float)(mean / variances[k]);
            sum += mean * mean / variances[k];
        }
        guesser->bias[j] = (float)(-0.5 * sum);
    }
}

apd_status apd_guess_check(const apd_run_state *state, const char *path, apd_error *error) {
    for (int t = 0; t < state->task_count && state->key_width > 0; t++)
        if (state->records[t].class_count > 0)
            return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE,
                    "%s: no task has keys, by which --task auto guesses; train with stream.keys: true", path);
}

apd_status apd_guesser_create(const apd_trained_run *file, apd_guesser **out, apd_error *error) {
    const apd_run_state *state = file->state;
    int64_t classes = 0;
    for (int t = 0; t < state->task_count; t++)
        classes += state->records[t].class_count;
    APD_TRY(apd_guess_check(state, file->path, error));
    if (file->is_float || state->key_width != 2 * apd_key_features(file->shape))
        return apd_fail(error, APD_ERROR_DATA, "%s: its keys are not those of its images", file->path);
    apd_guesser *guesser = apd_allocate(1, sizeof *guesser, "a guesser");
    double variances[APD_KEY_MOST] = {0.0}, ratios[APD_KEY_MOST];
    apd_status status = APD_OK;
    guesser->file = file;
    guesser->width = state->key_width / 2;
    guesser->places = apd_allocate(classes, sizeof *guesser->places, "keys");
    guesser->means = apd_allocate(classes * guesser->width, sizeof *guesser->means, "keys");
    guesser->weights = apd_allocate(classes * USED, sizeof *guesser->weights, "keys");
    guesser->bias = apd_allocate(classes, sizeof *guesser->bias, "keys");
    for (int t = 0; t < state->task_count; t++)
        if (state->records[t].class_count > 0)
            APD_GO(add_task(guesser, t, variances, error));
    for (int k = 0; k < guesser->width; k++)
        variances[k] = variances[k] / guesser->count + LEAST_VARIANCE;
    find_ratios(guesser, variances, ratios);
    choose(guesser, ratios);
    weigh(guesser, variances);
    *out = guesser;
    return APD_OK;
out:
    apd_guesser_destroy(guesser);
    return status;
}

void apd_guesser_destroy(apd_guesser *guesser) {
    if (guesser == NULL)
        return;
    free(guesser->places);
    free(guesser->means);
    free(guesser->weights);
    free(guesser->bias);
    free(guesser);
}

/* guesses[i].place for all images. Portions always have as many images, so an image's sums depend on no other. */
static void find_tasks(const apd_guesser *guesser, const uint8_t *images, int n, apd_guess *guesses) {
    const apd_image_shape shape = guesser->file->shape;
    const int used = guesser->used, keys = guesser->count;
    const int64_t bytes = (int64_t)shape.channels * shape.height * shape.width;
    const apd_dense_shape product = {
        .n = PORTION, .units = keys, .cols = used, .x_step = used, .y_step = keys};
    float *x = apd_allocate((int64_t)PORTION * used, sizeof *x, "sums");
    float *y = apd_allocate((int64_t)PORTION * keys, sizeof *y, "distances");
    float *scratch = apd_allocate(apd_dense_scratch(used), sizeof *scratch, "scratch");
    uint8_t features[APD_KEY_MOST];
    float sums[APD_KEY_MOST];
    for (int first = 0; first < n; first += PORTION) {
        int count = n - first < PORTION ? n - first : PORTION;
        for (int i = 0; i < count; i++) {
            apd_key_of_image(shape, images + (first + i) * bytes, features);
            apd_key_sums(shape, features, sums);
            for (int u = 0; u < used; u++)
                x[i * used + u] = sums[guesser->sums[u]];
        }
        apd_dense_forward(&product, x, guesser->weights, guesser->bias, y, scratch);
        for (int i = 0; i < count; i++)
            guesses[first + i].place = guesser->places[apd_most_probable(y + (int64_t)i * keys, keys)];
    }
    free(scratch);
    free(y);
    free(x);
}

/* Pass the images whose numbers are in `which` through the network of `place`. */
static apd_status pass(apd_guesser *guesser, int place, const uint8_t *images, const int *which, int count,
                       apd_guess *guesses, apd_guess_times *times, apd_error *error) {
    apd_trained network = {0};
    double started = apd_seconds();
    APD_TRY(apd_trained_read(guesser->file, place, &network, error));
    double read = apd_seconds();
    const int classes = network.record->class_count;
    float *probabilities =
        apd_allocate((int64_t)count * classes, sizeof *probabilities, "probabilities of a task");
    apd_trained_predict_seen(&network, images, which, count, probabilities);
    for (int i = 0; i < count; i++) {
        const float *of = probabilities + (int64_t)i * classes;
        int best = apd_most_probable(of, classes);
        guesses[which[i]] = (apd_guess){place, network.record->classes[best], of[best]};
    }
    free(probabilities);
    apd_trained_clear(&network);
    times->reading += read - started;
    times->passes += apd_seconds() - read;
    return APD_OK;
}

apd_status apd_guesser_guess(apd_guesser *guesser, const uint8_t *images, int n, apd_guess *guesses,
                             apd_guess_times *times, apd_error *error) {
    const int tasks = guesser->file->state->task_count;
    double started = apd_seconds();
    find_tasks(guesser, images, n, guesses);
    times->keys += apd_seconds() - started;
    int *ends = apd_allocate(tasks + 1, sizeof *ends, "images a task");
    int *which = apd_allocate(n, sizeof *which, "images in the order of tasks");
    for (int i = 0; i < n; i++)
        ends[guesses[i].place + 1]++;
    for (int t = 0; t < tasks; t++)
        ends[t + 1] += ends[t];
    for (int i = 0; i < n; i++)
        which[ends[guesses[i].place]++] = i; /* now where the task's images end */
    apd_status status = APD_OK;
    for (int t = 0, first = 0; t < tasks && status == APD_OK; first = ends[t++])
        if (ends[t] > first)
            status = pass(guesser, t, images, which + first, ends[t] - first, guesses, times, error);
    free(which);
    free(ends);
    return status;
}
