/* walk: the layers of a task's network one after the other, as formats for other programs want them. Local.
 *
 * Images are (C, H, W) here, as in the data file, not as src/network keeps them; shapes and padding are worked out from the
 * description of the layers. Dropout does nothing when a network is used, and is left out. */
#ifndef APD_EXPORT_WALK_H
#define APD_EXPORT_WALK_H

#include "trained/trained.h"

/* A layer, or (flatten) the step from images to vectors in front of the first dense layer. */
typedef struct apd_walk_step {
    bool flatten;
    apd_layer_spec spec;          /* the head is a dense layer, the last step */
    apd_image_shape in, out;      /* behind `flatten`: channels alone are more than 1 */
    int top, left, bottom, right; /* padding; CONV, MAX_POOL */
    const apd_block *block;       /* CONV, DENSE */
    const float *weights,
        *bias; /* (R, C), (R); a convolution's C are (input channel, kernel row, kernel column) */
} apd_walk_step;

typedef struct apd_walk {
    int count;
    apd_walk_step *steps; /* (count), owned */
} apd_walk;

apd_walk apd_walk_make(const apd_trained *model);
void apd_walk_clear(apd_walk *walk);

/* The number of the pixel of an image (C, H, W) that becomes pixel i of what the network sees, for layouts and permutations;
 * NULL where nothing moves. Rotations are not in it: apd_trained_transform says their angle. Free it. */
int32_t *apd_walk_pixels(const apd_trained *model);

#endif
