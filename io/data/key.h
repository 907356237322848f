/* key: what the images of a class look like, in a few hundred bytes, by which an image's task is guessed. Local.
 *
 * An image has K features, each a byte:
 *
 *     4 x 4 x 8   how much edge there is in each cell of a grid, in each of eight directions (histograms of oriented
 *                 gradients: Dalal and Triggs 2005)
 *     C x n x n   the image made small, n = 1, 2, 4, 8 or 16, the largest with which that is at most 256
 *
 * They are turned into K sums and differences (Walsh-Hadamard along the grid and the directions, opponent colours), which are
 * nearly uncorrelated in pictures. A class's key is the mean of its training images' features, and the deviation of each of the
 * sums. An image belongs to the task one of whose classes is nearest, when its distance in each sum is divided by the deviation of
 * all classes together: linear discriminant analysis with a diagonal covariance (trained/guess.c).
 *
 * Features are integers and so are their sums, so keys are the same at any number of ranks.
 *
 * Why not by the network: sigma moves on, so features of an early task's images are not those of a later one's; and which task's
 * network is the surest of an image says little (docs/models.md). */
#ifndef APD_IO_DATA_KEY_H
#define APD_IO_DATA_KEY_H

#include "network/network.h"

#include <stdint.h>

enum { APD_KEY_EDGES = 4 * 4 * 8, APD_KEY_SMALL = 256, APD_KEY_MOST = APD_KEY_EDGES + APD_KEY_SMALL };

/* K; a class's key has 2 K bytes: K means, then K deviations. */
int apd_key_features(apd_image_shape shape);

/* The features (K) of `image` (C, H, W), as the network sees it but for normalisation. */
void apd_key_of_image(apd_image_shape shape, const uint8_t *image, uint8_t *features);

/* Features (K), or means of them, to their sums and differences (K), which are whole and below 2^17. */
void apd_key_sums(apd_image_shape shape, const uint8_t *features, float *sums);

/* The variance of a sum to a byte, three times its fourth root, and back: within 15 % from 400 on. */
uint8_t apd_key_encode(double variance);
double apd_key_decode(uint8_t code);

#endif
