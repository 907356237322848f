/* layers: network.layers, the table of layers and their keys, and the networks that have a name (presets). Local. */
#ifndef APD_IO_DESCRIPTION_LAYERS_H
#define APD_IO_DESCRIPTION_LAYERS_H

#include "io/description/values.h"

enum { APD_LAYER_FIELDS = 4, APD_MOST_LAYERS = 1000 };

typedef struct apd_layer_row {
    const char *name;
    const char *help;                    /* a sentence */
    apd_option fields[APD_LAYER_FIELDS]; /* up to the first without a key; offsets in apd_layer_spec */
} apd_layer_row;

extern const apd_layer_row apd_layer_rows[]; /* by apd_layer_kind */
extern const int apd_layer_row_count;

int apd_layer_field_count(const apd_layer_row *row);

/* Replace description->network.layers by those of its preset; "custom" leaves them as they are. */
void apd_description_layers_resolve(apd_description *description);

#endif
