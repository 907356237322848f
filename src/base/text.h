/* text: a text that is written like a file and then lies in memory. */
#ifndef APD_BASE_TEXT_H
#define APD_BASE_TEXT_H

#include <stddef.h>
#include <stdio.h>

typedef struct apd_text {
    char *text;  /* after apd_text_end; ends in 0; free it */
    size_t size; /* bytes, without the 0 */
    FILE *file;  /* write here between begin and end */
    const char *what;
} apd_text;

/* Begin an empty text. `what`, which must outlive the text's writing, names it if memory runs out, which ends the job. */
void apd_text_begin(apd_text *text, const char *what);

/* End the writing. Returns text->text. */
char *apd_text_end(apd_text *text);

#endif
