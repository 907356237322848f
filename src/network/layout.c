#include "network/layout.h"

#include "base/memory.h"
#include "network/layers/layer.h"

#include <stdio.h>
#include <stdlib.h>

static void place(apd_layout *layout, const apd_layer *layer, bool head) {
    apd_block *block = &layout->blocks[layer->block];
    if (head)
        snprintf(block->name, sizeof block->name, "head");
    else
        snprintf(block->name, sizeof block->name, "%s%d", layer->operation->name, layer->block + 1);
    block->rows = layer->out.channels;
    block->cols = layer->cols;
    block->dense = layer->spec.kind == APD_LAYER_DENSE;
    block->decomposed = !head;
    block->weight = layout->size;
    block->bias = layout->size + apd_aligned_floats(block->rows * block->cols);
    layout->size = block->bias + apd_aligned_floats(block->rows);
    if (block->decomposed)
        layout->decomposed += block->rows * block->cols;
}

void apd_layout_init(apd_layout *layout, const apd_layer *layers, int count) {
    *layout = (apd_layout){.block_count = layers[count - 1].block + 1};
    layout->blocks = apd_allocate(layout->block_count, sizeof *layout->blocks, "the parameter layout");
    for (int l = 0; l < count; l++)
        if (layers[l].block >= 0)
            place(layout, &layers[l], l == count - 1);
}

void apd_layout_clear(apd_layout *layout) {
    free(layout->blocks);
    *layout = (apd_layout){0};
}
