/* csv: cells of a CSV file. */
#ifndef APD_IO_SYSTEM_CSV_H
#define APD_IO_SYSTEM_CSV_H

#include <stdio.h>

/* Write `text` in double quotes, with double quotes inside it doubled (RFC 4180). */
static inline void apd_csv_text(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

#endif
