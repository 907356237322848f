#include "network/stage.h"

#include <stddef.h>

#define CACHE (INT64_C(384) * 1024) /* bytes of activations of the images that pass together */

/* Bytes of activations of an image in a stage. */
static int64_t image_bytes(const apd_stage *stage, const apd_layer *layers) {
    int64_t bytes = apd_image_floats(layers[stage->first].in) * (int64_t)sizeof(float);
    for (int l = stage->first; l < stage->end; l++) {
        const apd_layer_operation *operation = layers[l].operation;
        if (!operation->in_place)
            bytes += apd_image_floats(layers[l].out) * (int64_t)sizeof(float);
        if (operation->kept_bytes != NULL)
            bytes += operation->kept_bytes(&layers[l]);
    }
    return bytes;
}

int apd_stages_cut(const apd_layer *layers, int count, apd_stage *stages) {
    int cut = 0;
    for (int l = 0; l < count; l++) {
        if (l == 0 || layers[l].operation->trained)
            stages[cut++] = (apd_stage){.first = l};
        stages[cut - 1].end = l + 1;
    }
    for (int s = 0; s < cut; s++) {
        if (layers[stages[s].first].spec.kind != APD_LAYER_CONV)
            continue;
        int64_t images = CACHE / image_bytes(&stages[s], layers);
        stages[s].images = images < 1 ? 1 : (int)images;
    }
    return cut;
}

bool apd_stage_passes_on(const apd_stage *stage, const apd_layer *layers, int l) {
    return stage->images > 0 && l + 1 < stage->end && !layers[l].operation->in_place &&
           layers[l + 1].operation->forgets_input;
}

int apd_stage_images(const apd_stage *stage, int n) {
    return stage->images > 0 && stage->images < n ? stage->images : n;
}
