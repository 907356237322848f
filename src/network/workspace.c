#include "network/network.h"
#include "network/private.h"

#include "base/memory.h"

#include <stdlib.h>

/* On overflow the allocation fails with its own message. */
static int64_t for_images(int max_images, int64_t size) {
    int64_t product;
    return __builtin_mul_overflow((int64_t)max_images, size, &product) ? INT64_MAX : product;
}

static float *floats_for(int max_images, int64_t size) {
    return apd_allocate(for_images(max_images, size), sizeof(float), "activations of a micro-batch");
}

/* Divide `all` (NULL: count only) among the layers of a stage. Returns the floats used. */
static int64_t divide_scratch(const apd_network *network, const apd_stage *stage, float *all,
                              float **scratch) {
    int64_t used = 0;
    for (int l = stage->first; l < stage->end; l++) {
        const apd_layer *layer = &network->layers[l];
        if (all != NULL)
            scratch[l] = all + used;
        if (layer->operation->scratch_floats != NULL)
            used += (layer->operation->scratch_floats(layer) + 15) / 16 * 16;
    }
    return used;
}

static void create_scratch(const apd_network *network, apd_workspace *made) {
    int64_t most = 0;
    made->scratch = apd_allocate(network->depth + 1, sizeof *made->scratch, "a workspace's layers");
    for (int s = 0; s < network->stage_count; s++)
        most = apd_larger(most, divide_scratch(network, &network->stages[s], NULL, NULL));
    made->all_scratch = floats_for(1, most);
    for (int s = 0; s < network->stage_count; s++)
        (void)divide_scratch(network, &network->stages[s], made->all_scratch, made->scratch);
}

/* Buffers for gradients by activations, between stages and inside a stage. */
static void create_gradients(const apd_network *network, apd_workspace *made) {
    int64_t between = 0, inside = 0;
    for (int s = 0; s < network->stage_count; s++) {
        const apd_stage *stage = &network->stages[s];
        int together = apd_stage_images(stage, made->max_images);
        between = apd_larger(
            between, for_images(made->max_images, apd_image_floats(network->layers[stage->first].in)));
        for (int l = stage->first + 1; l < stage->end; l++)
            if (!network->layers[l].operation->in_place)
                inside = apd_larger(inside, for_images(together, apd_image_floats(network->layers[l].in)));
    }
    for (int i = 0; i < 2; i++) {
        made->gradients[i] = floats_for(1, between);
        made->inner[i] = floats_for(1, inside);
    }
}

static void create_layer(const apd_network *network, const apd_stage *stage, int l, apd_workspace *made) {
    const apd_layer *layer = &network->layers[l];
    int together = apd_stage_images(stage, made->max_images);
    if (layer->operation->kept_bytes != NULL)
        made->kept[l] = apd_allocate(for_images(made->max_images, layer->operation->kept_bytes(layer)), 1,
                                     "what layers keep of a micro-batch");
    if (l == network->depth)
        return;
    made->shared[l] = layer->operation->in_place;
    made->passes_on[l] = apd_stage_passes_on(stage, network->layers, l);
    made->outputs[l] = !made->shared[l] ? floats_for(made->passes_on[l] ? together : made->max_images,
                                                     apd_image_floats(layer->out))
                       : l > 0 ? made->outputs[l - 1]
                               : made->input;
}

apd_workspace *apd_workspace_create(const apd_network *network, int max_images) {
    APD_ASSERT(max_images >= 0);
    apd_workspace *made = apd_allocate(1, sizeof *made, "a workspace");
    made->max_images = max_images;
    made->depth = network->depth;
    made->input = floats_for(max_images, apd_image_floats(network->layers[0].in));
    made->outputs = apd_allocate(network->depth, sizeof *made->outputs, "a workspace's layers");
    made->kept = apd_allocate(network->depth + 1, sizeof *made->kept, "a workspace's layers");
    made->shared = apd_allocate(network->depth, sizeof *made->shared, "a workspace's layers");
    made->passes_on = apd_allocate(network->depth, sizeof *made->passes_on, "a workspace's layers");
    for (int s = 0; s < network->stage_count; s++)
        for (int l = network->stages[s].first; l < network->stages[s].end; l++)
            create_layer(network, &network->stages[s], l, made);
    create_scratch(network, made);
    create_gradients(network, made);
    int classes = network->layers[network->depth].out.channels;
    made->logits = floats_for(max_images, classes);
    made->logit_gradient = floats_for(max_images, classes);
    return made;
}

void apd_workspace_destroy(apd_workspace *workspace) {
    if (workspace == NULL)
        return;
    for (int l = 0; l < workspace->depth; l++)
        if (!workspace->shared[l])
            free(workspace->outputs[l]);
    for (int l = 0; l <= workspace->depth; l++)
        free(workspace->kept[l]);
    free((void *)workspace->outputs);
    free((void *)workspace->kept);
    free((void *)workspace->scratch);
    free(workspace->shared);
    free(workspace->passes_on);
    free(workspace->input);
    free(workspace->all_scratch);
    free(workspace->logits);
    free(workspace->logit_gradient);
    for (int i = 0; i < 2; i++) {
        free(workspace->gradients[i]);
        free(workspace->inner[i]);
    }
    free(workspace);
}
