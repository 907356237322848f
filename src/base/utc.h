/* utc: a time as text. Local. */
#ifndef APD_BASE_UTC_H
#define APD_BASE_UTC_H

#include <time.h>

enum { APD_UTC_SIZE = 32 };

/* "2026-11-30T17:21:20Z" (ISO 8601); "unknown" for a time without a year of four digits. */
void apd_utc(time_t when, char text[APD_UTC_SIZE]);

#endif
