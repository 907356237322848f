/* normalisation: the mean and standard deviation of each channel of a network's input images. */
#ifndef APD_NETWORK_NORMALISATION_H
#define APD_NETWORK_NORMALISATION_H

enum { APD_MAX_CHANNELS = 16 };

/* A network sees (x - mean)/deviation of each channel, where x is a pixel scaled to 0..1 (uint8 data: divided by 255;
 * float32 data: as stored). Only the first `channels` entries of the images' shape are used. */
typedef struct apd_normalisation {
    float mean[APD_MAX_CHANNELS], deviation[APD_MAX_CHANNELS];
} apd_normalisation;

#endif
