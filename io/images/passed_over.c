#include "io/images/passed_over.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>

/* "2 hidden files", "1 folder without images" */
static const struct {
    const char *noun, *what;
} reasons[APD_PASS_REASONS] = {
    [APD_PASS_HIDDEN] = {"hidden file", ""},
    [APD_PASS_ENDING] = {"file", " without the ending .png, .jpg or .jpeg"},
    [APD_PASS_NESTED] = {"folder", " in a class's folder"},
    [APD_PASS_NO_FILE] = {"name", " of pipes, devices or broken links"},
    [APD_PASS_OUTSIDE] = {"file", " in no class's folder"},
    [APD_PASS_EMPTY] = {"folder", " without images"},
    [APD_PASS_UNLISTED] = {"image", " without a label"},
    [APD_PASS_MISSING] = {"label", " of images that are not there"},
    [APD_PASS_DAMAGED] = {"damaged image", ""},
};

void apd_pass_over(apd_passed_over *passed, apd_pass_reason reason, const char *path) {
    int64_t number = passed->reasons[reason].count++;
    if (number < APD_PASS_NAMED)
        passed->reasons[reason].first[number] = apd_duplicate_text(path);
}

void apd_passed_over_say(const apd_passed_over *passed) {
    for (int r = 0; r < APD_PASS_REASONS; r++) {
        int64_t count = passed->reasons[r].count;
        apd_text names;
        if (count == 0)
            continue;
        apd_text_begin(&names, "names of files");
        for (int i = 0; i < APD_PASS_NAMED && i < count; i++)
            (void)fprintf(names.file, "%s%s", i > 0 ? ", " : "",
                          apd_utf8_shown(passed->reasons[r].first[i]).text);
        if (count > APD_PASS_NAMED)
            (void)fprintf(names.file, " and %" PRId64 " more", count - APD_PASS_NAMED);
        apd_log("passed over %s%s: %s", apd_count(count, reasons[r].noun).text, reasons[r].what,
                apd_text_end(&names));
        free(names.text);
    }
}

void apd_passed_over_clear(apd_passed_over *passed) {
    for (int r = 0; r < APD_PASS_REASONS; r++)
        for (int i = 0; i < APD_PASS_NAMED; i++)
            free(passed->reasons[r].first[i]);
    *passed = (apd_passed_over){0};
}
