#include "base/utc.h"

#include <stdio.h>

void apd_utc(time_t when, char text[APD_UTC_SIZE]) {
    struct tm utc;
    if (gmtime_r(&when, &utc) == NULL || strftime(text, APD_UTC_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) != 20)
        (void)snprintf(text, APD_UTC_SIZE, "unknown");
}
