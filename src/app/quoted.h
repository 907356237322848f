/* quoted: a text as a cell of a CSV file, whatever it holds. */
#ifndef APD_APP_QUOTED_H
#define APD_APP_QUOTED_H

#include <stdio.h>

/* In double quotes, with those inside doubled (RFC 4180). */
static inline void apd_write_quoted(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

#endif
