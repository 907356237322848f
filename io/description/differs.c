/* Which key two descriptions differ in. */
#include "io/description/description.h"

#include "base/memory.h"
#include "io/description/options.h"

#include <stdlib.h>
#include <string.h>

#define LEAD 16 /* characters shown before the first that differs */

static char *value_text(const apd_option *option, const apd_description *description) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory comparing run descriptions");
    apd_value_write(file, option, description);
    if (fclose(file) != 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory comparing run descriptions");
    return text;
}

/* `text` from `begin` on, as much as there is room for. */
static void cut(const char *text, size_t begin, char *out, size_t room) {
    size_t length = strlen(text + begin);
    const char *before = begin > 0 ? "..." : "", *after = "";
    size_t shown = room - 1 - strlen(before);
    if (length > shown) {
        shown -= 3;
        after = "...";
    }
    (void)snprintf(out, room, "%s%.*s%s", before, (int)(length < shown ? length : shown), text + begin,
                   after);
}

static bool note_values(const apd_option *option, const apd_description *a, const apd_description *b,
                        apd_description_difference *difference) {
    char *first = value_text(option, a), *second = value_text(option, b);
    bool differ = strcmp(first, second) != 0;
    if (differ) {
        size_t same = 0, room = sizeof difference->first - 1;
        while (first[same] == second[same])
            same++;
        bool fit = strlen(first) <= room && strlen(second) <= room;
        size_t begin = fit || same < LEAD ? 0 : same - LEAD;
        difference->key = option->key;
        cut(first, begin, difference->first, sizeof difference->first);
        cut(second, begin, difference->second, sizeof difference->second);
    }
    free(first);
    free(second);
    return differ;
}

/* Layers follow from the preset and its widths: when these differ they say it shorter. */
static void note_preset(const apd_description *a, const apd_description *b,
                        apd_description_difference *difference) {
    static const char *const keys[] = {"network.preset", "network.widths", "network.lrn"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (note_values(&apd_options[apd_option_find(keys[k])], a, b, difference))
            return;
}

static bool is_among(const char *const *keys, const char *key) {
    for (; keys != NULL && *keys != NULL; keys++)
        if (strcmp(*keys, key) == 0)
            return true;
    return false;
}

bool apd_description_differs(const apd_description *a, const apd_description *b, const char *const *ignored,
                             apd_description_difference *difference) {
    for (int i = 0; i < apd_option_count; i++) {
        const apd_option *option = &apd_options[i];
        if (!option->counts || is_among(ignored, option->key) || !note_values(option, a, b, difference))
            continue;
        if (option->kind == APD_KIND_LAYERS)
            note_preset(a, b, difference);
        return true;
    }
    return false;
}
