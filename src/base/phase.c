#include "base/phase.h"

const char *const apd_phase_names[APD_PHASES] = {"gather", "forward", "backward",
                                                 "reduce", "update",  "share"};
