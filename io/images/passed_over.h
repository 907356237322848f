/* passed_over: what an import leaves out, counted by reason, with the first names. Local. */
#ifndef APD_IO_IMAGES_PASSED_OVER_H
#define APD_IO_IMAGES_PASSED_OVER_H

#include <stdint.h>

typedef enum apd_pass_reason {
    APD_PASS_HIDDEN,   /* its name begins with a dot */
    APD_PASS_ENDING,   /* its name is no image's */
    APD_PASS_NESTED,   /* a folder in a class' folder */
    APD_PASS_NO_FILE,  /* a pipe, a device, a link to nothing */
    APD_PASS_OUTSIDE,  /* in no class's folder */
    APD_PASS_EMPTY,    /* a class's folder without images */
    APD_PASS_UNLISTED, /* an image that the labels do not list */
    APD_PASS_MISSING,  /* an image that the labels list, and that is not there */
    APD_PASS_DAMAGED,
    APD_PASS_REASONS
} apd_pass_reason;

#define APD_PASS_NAMED 4

/* Start with {0}. */
typedef struct apd_passed_over {
    struct {
        int64_t count;
        char *first[APD_PASS_NAMED]; /* owned; in the order in which they came */
    } reasons[APD_PASS_REASONS];
} apd_passed_over;

void apd_pass_over(apd_passed_over *passed, apd_pass_reason reason, const char *path);

/* Log a line for each reason that there was. */
void apd_passed_over_say(const apd_passed_over *passed);
void apd_passed_over_clear(apd_passed_over *passed);

#endif
