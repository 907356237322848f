/* description_layers: the networks that a run description can name (presets) and the key reference of layers. */
#ifndef APD_IO_DESCRIPTION_LAYERS_H
#define APD_IO_DESCRIPTION_LAYERS_H

#include "io/description/description.h"

/* Replace description->network.layers by those of its preset; "custom" leaves them alone. */
void apd_description_layers_resolve(apd_description *description);

/* One line a key of each layer, for the key reference. */
void apd_layers_help(FILE *file);

#endif
