/* spec: a layer as the user describes it, before its shapes are known. */
#ifndef APD_NETWORK_LAYERS_SPEC_H
#define APD_NETWORK_LAYERS_SPEC_H

typedef enum apd_layer_kind {
    APD_LAYER_CONV,  /* 2-D convolution (cross-correlation), bias, no activation */
    APD_LAYER_DENSE, /* flattens (channel, row, column) in C order when its input is an image */
    APD_LAYER_RELU,
    APD_LAYER_MAX_POOL,
    APD_LAYER_LRN,    /* local response normalisation across channels */
    APD_LAYER_DROPOUT /* kept values are scaled by 1/(1-rate) while training; the identity in evaluation */
} apd_layer_kind;

typedef enum apd_padding {
    APD_PADDING_SAME, /* output = ceil(input/stride); the odd pixel of padding goes to the bottom and right */
    APD_PADDING_VALID /* output = ceil((input-kernel+1)/stride) */
} apd_padding;

/* One layer of the trunk; fields that the kind does not name are ignored. */
typedef struct apd_layer_spec {
    apd_layer_kind kind;
    int units;               /* DENSE: outputs; CONV: output channels; 1 .. 1e6 */
    int kernel_h, kernel_w;  /* CONV, MAX_POOL; 1 .. 1024 */
    int stride_h, stride_w;  /* CONV, MAX_POOL; 1 .. 1024 */
    apd_padding padding;     /* CONV, MAX_POOL */
    float rate;              /* DROPOUT: share dropped, 0 <= rate < 1 */
    int radius;              /* LRN: channels c-radius .. c+radius are summed; >= 0 */
    float bias, alpha, beta; /* LRN: y = x / (bias + alpha * sum x^2)^beta */
} apd_layer_spec;

typedef struct apd_image_shape {
    int channels, height, width;
} apd_image_shape;

#endif
