#include "plan/model.h"

#include "network/gradient.h"

#include <math.h>

double apd_sum_bytes(int64_t weights, int shards) {
    return shards > 1 ? (double)sizeof(float) * (double)weights * (shards + 1) : 0.0;
}

int64_t apd_factored_weights(const apd_layout *layout, int images) {
    apd_gradient_layout *made = apd_gradient_layout_create(layout, images);
    int64_t weights = 0;
    for (int b = 0; b < layout->block_count; b++)
        weights += made->blocks[b].factored ? layout->blocks[b].rows * layout->blocks[b].cols : 0;
    apd_gradient_layout_destroy(made);
    return weights;
}

void apd_model_fit_pass(apd_model *model, int n1, double seconds1, int n2, double seconds2) {
    model->image = n1 > n2 ? fmax((seconds1 - seconds2) / (n1 - n2), 0.0) : seconds1 / n1;
    model->fixed = seconds1 - n1 * model->image;
    if (model->fixed < 0.0) {
        model->fixed = 0.0;
        model->image = seconds1 / n1;
    }
}

/* A node sends the sums of every row that it does not own, and receives its theta. Its ranks share the messages, one for
 * each block and each owner on another node. */
static double between_nodes(const apd_model *model, const apd_layout *layout, const apd_launch *launch) {
    double nodes = ceil((double)launch->ranks / launch->ranks_a_node);
    if (nodes < 2.0)
        return 0.0;
    double bytes = 2.0 * (double)sizeof(float) * (double)layout->size * (nodes - 1.0) / nodes;
    double owners = ceil((launch->ranks - launch->ranks_a_node) / (double)launch->ranks_a_node);
    return bytes / model->bandwidth + 2.0 * layout->block_count * owners * model->latency;
}

apd_prediction apd_model_predict(const apd_model *model, const apd_layout *layout, const apd_launch *launch,
                                 int64_t batch) {
    apd_slice_size slice = apd_largest_slice(layout, launch->ranks);
    double shards = ceil((double)launch->shards / launch->ranks);
    double images = ceil((double)batch / launch->shards);
    int near = launch->ranks_a_node < launch->ranks ? (int)shards * launch->ranks_a_node : launch->shards;
    int others =
        (launch->ranks + launch->ranks_a_node - 1) / launch->ranks_a_node - 1; /* each sends one sum */
    double factored = (double)apd_factored_weights(layout, (int)images) / launch->ranks;
    double whole = fmax((double)(slice.decomposed + slice.head) - factored, 0.0);
    double sum = apd_sum_bytes((int64_t)whole, near + others);
    return (apd_prediction){
        .compute = shards * (model->fixed + images * (model->image + model->gather)) +
                   factored * (double)batch * model->product,
        .memory = (double)(slice.decomposed + slice.head) * model->update + sum / model->sum_rate,
        .messages = model->meeting * log2(launch->ranks) + between_nodes(model, layout, launch)};
}
