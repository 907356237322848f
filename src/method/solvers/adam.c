#include "method/solvers/adam.h"

#include <math.h>

adam_step apd_adam_step(double rate, double beta1, double beta2, double epsilon, int64_t step) {
    return (adam_step){.rate = (float)rate,
                       .beta1 = (float)beta1,
                       .beta2 = (float)beta2,
                       .epsilon = (float)epsilon,
                       .first_scale = (float)(1.0 / (1.0 - pow(beta1, (double)step))),
                       .second_scale = (float)(1.0 / (1.0 - pow(beta2, (double)step)))};
}

void apd_adam_update(const adam_step *adam, float *values, adam_moments moments, const float *gradient,
                     float decay, int64_t count) {
    const adam_step step = *adam;
    float *restrict value = values, *restrict first = moments.first, *restrict second = moments.second;
    for (int64_t i = 0; i < count; i++) {
        float direction, eta;
        adam_direction(&step, &first[i], &second[i], gradient[i] + decay * value[i], &direction, &eta);
        value[i] -= eta * direction;
    }
}
