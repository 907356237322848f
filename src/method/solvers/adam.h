/* adam: the Adam optimiser (Kingma & Ba 2015) on arrays of float. Local.
 *
 *     m <- beta1*m + (1-beta1)*g,   v <- beta2*v + (1-beta2)*g^2
 *     direction = m/(1-beta1^step), eta = rate/(sqrt(v/(1-beta2^step)) + epsilon)
 *     x <- x - eta*direction */
#ifndef APD_METHOD_SOLVERS_ADAM_H
#define APD_METHOD_SOLVERS_ADAM_H

#include <stdint.h>

/* First and second moments of one array. */
typedef struct adam_moments {
    float *first, *second;
} adam_moments;

/* The constants of a step. */
typedef struct adam_step {
    float rate, beta1, beta2, epsilon;
    float first_scale, second_scale; /* 1/(1 - beta^step) */
} adam_step;

/* The constants of step `step` = 1, 2, ... */
adam_step apd_adam_step(double rate, double beta1, double beta2, double epsilon, int64_t step);

/* Update the moments of one number by gradient g; gives its direction and its rate eta. */
static inline void adam_direction(const adam_step *adam, float *first, float *second, float g,
                                  float *direction, float *eta) {
    float m = adam->beta1 * *first + (1.0f - adam->beta1) * g;
    float v = adam->beta2 * *second + (1.0f - adam->beta2) * g * g;
    *first = m;
    *second = v;
    *direction = m * adam->first_scale;
    *eta = adam->rate / (__builtin_sqrtf(v * adam->second_scale) + adam->epsilon);
}

/* A step of `values` (count) along gradient + decay*values. */
void apd_adam_update(const adam_step *adam, float *values, adam_moments moments, const float *gradient,
                     float decay, int64_t count);

#endif
