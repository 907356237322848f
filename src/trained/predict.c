/* predict: images to probabilities. */
#include "base/memory.h"
#include "io/data/pixels.h"
#include "trained/trained.h"

#include <stdlib.h>

void apd_trained_predict(const apd_trained *trained, const void *images, int64_t n, float *probabilities) {
    apd_image_shape shape = trained->file->shape;
    const int classes = trained->record->class_count;
    int64_t numbers = (int64_t)shape.channels * shape.height * shape.width;
    int64_t bytes = numbers * (trained->file->is_float ? (int64_t)sizeof(float) : 1);
    int most = trained->file->description->log.evaluate_batch;
    most = n < most ? (int)n : most;
    apd_pixels pixels;
    apd_pixels_init(&pixels, shape, trained->file->is_float, &trained->normalisation);
    apd_transform_spec spec = apd_trained_transform(trained);
    apd_transform *transform = apd_transform_create(&spec); /* has scratch memory */
    apd_workspace *workspace = apd_workspace_create(trained->network, most);
    float *batch = apd_allocate(most * numbers, sizeof *batch, "images to predict");
    void *transformed = apd_allocate_bytes(bytes, "an image to predict");
    for (int64_t first = 0; first < n; first += most) {
        int count = n - first < most ? (int)(n - first) : most;
        for (int i = 0; i < count; i++) {
            apd_transform_apply(transform, 0, (const char *)images + (first + i) * bytes, transformed);
            apd_pixels_gather(&pixels, transformed, (apd_augmentation){0}, batch + i * numbers);
        }
        const float *logits =
            apd_network_forward(trained->network, trained->theta, batch, count, classes, NULL, 0, workspace);
        for (int64_t i = 0; i < count; i++)
            apd_softmax(logits + i * classes, classes, 1.0, probabilities + (first + i) * classes);
    }
    apd_transform_destroy(transform);
    free(transformed);
    free(batch);
    apd_workspace_destroy(workspace);
}
