/* stored: theta as a task's numbers will be stored (method.storage coded), which the last epochs train on.
 *
 * A commit holds masks, biases and heads in 16 bits (base/half.h), sigma in 16 or in `sigma_bits`, and where tau is not zero theta
 * as an integer of `tau_bits` bits times a power of two, one a row (io/checkpoint/code.h holds them as they are). Rounding them
 * when a task has ended would cost accuracy at few bits. So from the first polishing step on the network computes with the
 * rounded numbers, while Adam moves the ones in full (a straight-through estimator), and what the last step shows is what the
 * task keeps:
 *
 *     theta = half(mask) * s                      where tau is 0: exact in float32, as 11 + 11 bits fit
 *             unit * round((mask*s + tau)/unit)   else; unit = the least power of two at which the row's largest
 *                                                 integer has tau_bits bits with its sign
 *     s     = half(sigma); or sigma rounded to a unit of its row, by sigma_bits
 *
 * A task that is stored whole has the second form everywhere. It is one after which sigma is known to move on (fixed.c), which
 * would leave it with an entry of 16 bits for nearly every weight.
 *
 * With sigma_bits below 16, a new largest number of a row may move all others, which would give every finished task entries. So
 * only a method whose sigma comes to rest uses them (fixed.c).
 *
 * Finished tasks never change by that: sigma keeps its 16 bits where it does not move, and where it does an old task's theta is
 * mask * (what sigma was), which their code holds in 16 bits.
 *
 * Functions of one row. Local. */
#ifndef APD_METHOD_SOLVERS_STORED_H
#define APD_METHOD_SOLVERS_STORED_H

#include <stdbool.h>
#include <stdint.h>

/* A mask in 16 bits, still in (0, 1). */
float apd_stored_mask(float mask);

/* A row of sigma as it is stored; `stored` (cols) may be `sigma` (cols). `bits`: of its integers; 16: numbers of 16 bits each;
 * 0: a copy, of a sigma that was rounded before. Rounding again changes nothing. */
void apd_stored_sigma(int bits, const float *sigma, int64_t cols, float *stored);

/* A row of theta: sigma, tau, theta (cols). `whole`: all weights are rounded to tau_bits, not only where tau is not zero. */
void apd_stored_row(int tau_bits, int sigma_bits, bool whole, float mask, const float *sigma,
                    const float *tau, int64_t cols, float *theta);

#endif
