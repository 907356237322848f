/* model: what a step costs on any number of ranks, from a handful of measured rates. Arithmetic only.
 *
 *   compute   a rank's shards one after the other: fixed + images * (pass + gather) seconds each; and of what is
 *             factored (network/gradient.h) a rank's share of the products
 *   memory    the rank with most rows: the solver's update, and the sum over shards of what is not factored, in
 *             bytes at measured rates
 *   messages  one meeting of all ranks, in proportion to log2 P; between nodes also the sums of gradients out
 *             and the new rows of theta back, bytes at the network's bandwidth and one latency a message
 * Nothing overlaps, no rank is late, and a rank of a full node is as fast as the measured ones: where these do
 * not hold the step takes more, or (overlap) less. */
#ifndef APD_PLAN_MODEL_H
#define APD_PLAN_MODEL_H

#include "plan/estimate.h"

typedef struct apd_model {
    double fixed, image, gather; /* seconds of a pass, a pass's image, an image made */
    double product;              /* seconds of a factored weight's gradient, for an image */
    double update;               /* seconds a decomposed weight */
    double sum_rate;             /* bytes a second of the sum over shards */
    double meeting;              /* seconds of a meeting of all ranks, for each doubling of their number */
    double latency, bandwidth;   /* between nodes: seconds a message, bytes a second of a node */
} apd_model;

typedef struct apd_prediction {
    double compute, memory, messages; /* seconds; their sum is the step */
} apd_prediction;

/* A step of `batch` images. */
apd_prediction apd_model_predict(const apd_model *model, const apd_layout *layout, const apd_launch *launch,
                                 int64_t batch);

static inline double apd_prediction_seconds(const apd_prediction *prediction) {
    return prediction->compute + prediction->memory + prediction->messages;
}

/* fixed + image * n through two measured passes, n1 > n2 images; none is below 0. */
void apd_model_fit_pass(apd_model *model, int n1, double seconds1, int n2, double seconds2);

/* Weights whose gradients are factored, in micro-batches of `images` images. */
int64_t apd_factored_weights(const apd_layout *layout, int images);

/* Bytes that a rank reads and writes to add up `shards` gradients of `weights` weights: 0 for one shard, whose
 * gradient is taken where it lies. */
double apd_sum_bytes(int64_t weights, int shards);

#endif
