/* predict: images to probabilities. */
#include "base/memory.h"
#include "io/data/pixels.h"
#include "trained/trained.h"

#include <stdlib.h>
#include <string.h>

/* Images of a pass whose numbers depend on no other image: whole registers of any machine (network/kernels/product.c). */
enum { SAME = 64 };

/* Pass images (n, C, H, W), at the places `which` where it is not NULL, in portions of `portion`. `same`: the last one is filled
 * up with zeros, and an image's numbers depend on no other. */
static void pass(const apd_trained *trained, const apd_transform_spec *spec, const void *images,
                 const int *which, int64_t n, int portion, bool same, float *probabilities) {
    apd_image_shape shape = trained->file->shape;
    const int classes = trained->record->class_count;
    int64_t numbers = (int64_t)shape.channels * shape.height * shape.width;
    int64_t bytes = numbers * (trained->file->is_float ? (int64_t)sizeof(float) : 1);
    apd_pixels pixels;
    apd_pixels_init(&pixels, shape, trained->file->is_float, &trained->normalisation);
    apd_transform *transform = apd_transform_create(spec); /* has scratch memory */
    apd_workspace *workspace = apd_workspace_create(trained->network, portion);
    float *batch = apd_allocate(portion * numbers, sizeof *batch, "images to predict");
    void *transformed = apd_allocate_bytes(bytes, "an image to predict");
    for (int64_t first = 0; first < n; first += portion) {
        int count = n - first < portion ? (int)(n - first) : portion;
        for (int i = 0; i < count; i++) {
            int64_t place = which != NULL ? which[first + i] : first + i;
            apd_transform_apply(transform, 0, (const char *)images + place * bytes, transformed);
            apd_pixels_gather(&pixels, transformed, (apd_augmentation){0}, batch + i * numbers);
        }
        if (same)
            memset(batch + count * numbers, 0, (size_t)((portion - count) * numbers) * sizeof *batch);
        const float *logits = apd_network_forward(trained->network, trained->theta, batch,
                                                  same ? portion : count, classes, NULL, 0, workspace);
        for (int64_t i = 0; i < count; i++)
            apd_softmax(logits + i * classes, classes, 1.0, probabilities + (first + i) * classes);
    }
    apd_transform_destroy(transform);
    free(transformed);
    free(batch);
    apd_workspace_destroy(workspace);
}

void apd_trained_predict(const apd_trained *trained, const void *images, int64_t n, float *probabilities) {
    apd_transform_spec spec = apd_trained_transform(trained);
    int most = trained->file->description->log.evaluate_batch;
    pass(trained, &spec, images, NULL, n, n < most ? (int)n : most, false, probabilities);
}

void apd_trained_predict_seen(const apd_trained *trained, const void *images, const int *which, int64_t n,
                              float *probabilities) {
    const apd_transform_spec none = {
        .shape = trained->file->shape, .is_float = trained->file->is_float, .turns = 1};
    pass(trained, &none, images, which, n, SAME, true, probabilities);
}
