/* counted: a number with its noun, for messages: "1 rank", "4 ranks", "2 classes". */
#ifndef APD_BASE_COUNTED_H
#define APD_BASE_COUNTED_H

#include <stdint.h>

typedef struct apd_counted {
    char text[48];
} apd_counted;

/* `noun` in the singular, of regular plural, at most 24 characters. The text lives until the end of the full
 * expression: printf("%s", apd_count(3, "rank").text). */
apd_counted apd_count(int64_t count, const char *noun);

#endif
