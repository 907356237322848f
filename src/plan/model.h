/* model: the time of a step on any number of ranks, from a few measured rates. Arithmetic only.
 *
 *   compute   a rank's shards one after the other, fixed + images * (pass + gather) seconds each, and its share of the
 *             products of factored gradients (network/gradient.h)
 *   memory    the rank with most rows: the solver's update, and the sum over shards of gradients that are not factored,
 *             in bytes at measured rates
 *   messages  one barrier of all ranks, proportional to log2 P; between nodes also the sums of gradients out and the
 *             new rows of theta back: bytes over the network's bandwidth, plus one latency a message
 *
 * The model ignores overlap, which makes a step shorter, and late ranks and slower full nodes, which make it longer. */
#ifndef APD_PLAN_MODEL_H
#define APD_PLAN_MODEL_H

#include "plan/estimate.h"

typedef struct apd_model {
    double fixed, image, gather; /* seconds: of a pass, of each image in it, to make an image */
    double product;              /* seconds a factored weight and image */
    double update;               /* seconds a decomposed weight */
    double sum_rate;             /* bytes a second of the sum over shards */
    double meeting;              /* seconds of a barrier, for each doubling of the ranks */
    double latency, bandwidth;   /* between nodes: seconds a message, bytes a second and node */
} apd_model;

typedef struct apd_prediction {
    double compute, memory, messages; /* seconds; their sum is the step */
} apd_prediction;

/* The time of a step of `batch` images. */
apd_prediction apd_model_predict(const apd_model *model, const apd_layout *layout, const apd_launch *launch,
                                 int64_t batch);

static inline double apd_prediction_seconds(const apd_prediction *prediction) {
    return prediction->compute + prediction->memory + prediction->messages;
}

/* Fit fixed + image * n to two measured passes of n1 > n2 images; both are at least 0. */
void apd_model_fit_pass(apd_model *model, int n1, double seconds1, int n2, double seconds2);

/* Weights whose gradients are factored, for micro-batches of `images` images. */
int64_t apd_factored_weights(const apd_layout *layout, int images);

/* Bytes that a rank reads and writes to add up `shards` gradients of `weights` weights; 0 for one shard, whose gradient
 * is used in place. */
double apd_sum_bytes(int64_t weights, int shards);

#endif
