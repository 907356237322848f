#include "base/text.h"

#include "base/status.h"

static void need(int ok, const char *what) {
    if (!ok)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for %s", what);
}

void apd_text_begin(apd_text *text, const char *what) {
    *text = (apd_text){.what = what};
    text->file = open_memstream(&text->text, &text->size);
    need(text->file != NULL, what);
}

char *apd_text_end(apd_text *text) {
    int failed = ferror(text->file);
    need(fclose(text->file) == 0 && !failed, text->what);
    text->file = NULL;
    return text->text;
}
