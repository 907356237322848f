/* loss: softmax cross-entropy, in double: there are few logits, and the loss is compared bit for bit. */
#include "base/status.h"
#include "network/network.h"
#include "network/private.h"

#include <math.h>

int apd_most_probable(const float *values, int classes) {
    int best = 0;
    for (int k = 1; k < classes; k++)
        if (values[k] > values[best])
            best = k;
    return best;
}

void apd_softmax(const float *logits, int classes, double temperature, float *probabilities) {
    double most = (double)logits[apd_most_probable(logits, classes)], sum = 0.0;
    for (int k = 0; k < classes; k++)
        sum += exp(((double)logits[k] - most) / temperature);
    for (int k = 0; k < classes; k++)
        probabilities[k] = (float)(exp(((double)logits[k] - most) / temperature) / sum);
}

/* -sum_k target_k log softmax(logits)_k = log sum_k exp(z_k - z_max) - sum_k target_k (z_k - z_max), and
 * gradient_k = weight * (softmax_k - target_k). */
static double image_loss(const float *logits, int classes, int32_t label, apd_targets targets, double weight,
                         float *gradient) {
    double most = (double)logits[apd_most_probable(logits, classes)];
    double sum = 0.0, expected = 0.0;
    for (int k = 0; k < classes; k++)
        sum += exp((double)logits[k] - most);
    for (int k = 0; k < classes; k++) {
        double softmax = exp((double)logits[k] - most) / sum;
        double target = (k == label ? 1.0 - targets.smoothing : 0.0) + targets.smoothing / classes;
        if (targets.taught != NULL)
            target = (1.0 - targets.share) * target + targets.share * (double)targets.taught[k];
        expected += target * ((double)logits[k] - most);
        gradient[k] = (float)(weight * (softmax - target));
    }
    return log(sum) - expected;
}

apd_score apd_network_loss(const apd_network *network, const int32_t *labels, apd_targets targets,
                           float weight, apd_workspace *workspace) {
    apd_score score = apd_network_score(network, labels, workspace);
    int classes = workspace->classes;
    for (int64_t image = 0; image < workspace->n; image++) {
        score.loss += image_loss(workspace->logits + image * classes, classes, labels[image], targets,
                                 (double)weight, workspace->logit_gradient + image * classes);
        targets.taught += targets.taught != NULL ? classes : 0;
    }
    return score;
}

apd_score apd_network_score(const apd_network *network, const int32_t *labels,
                            const apd_workspace *workspace) {
    apd_score score = {0};
    int classes = workspace->classes;
    (void)network;
    for (int64_t image = 0; image < workspace->n; image++) {
        APD_ASSERT(labels[image] >= 0 && labels[image] < classes);
        score.correct += apd_most_probable(workspace->logits + image * classes, classes) == labels[image];
    }
    return score;
}
