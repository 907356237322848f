/* Writing a run description: the resolved run.yaml, its digest, the difference between two. */
#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/description/description.h"
#include "io/description/options.h"

#include <stdlib.h>
#include <string.h>

#define LEAD 16 /* characters shown before the first that differs */

static void write_source(FILE *file, const apd_value_source *source) {
    if (source->note != NULL)
        (void)fprintf(file, "  # %s\n", source->note);
    else if (source->origin == APD_ORIGIN_FILE)
        (void)fprintf(file, "  # file line %d\n", source->place);
    else
        (void)fprintf(file, "  # %s\n", source->origin == APD_ORIGIN_FLAG ? "flag" : "default");
}

/* A preset's layers follow from its name, so they are written as a comment: set, the text would not read back. */
static void write_layers(FILE *file, const apd_description *description, int option) {
    if (strcmp(description->network.preset, "custom") != 0)
        (void)fputs("[]", file);
    else
        apd_value_write(file, &apd_options[option], description);
    write_source(file, &description->sources[option]);
    if (strcmp(description->network.preset, "custom") == 0)
        return;
    (void)fputs("    # by preset: ", file);
    apd_value_write(file, &apd_options[option], description);
    (void)fputc('\n', file);
}

static void write_option(FILE *file, const apd_description *description, int option, size_t *section) {
    const char *key = apd_options[option].key;
    const char *dot = strchr(key, '.');
    size_t length = dot != NULL ? (size_t)(dot - key) : 0;
    bool opens = length != *section || (length > 0 && strncmp(key, apd_options[option - 1].key, length) != 0);
    if (opens && dot != NULL)
        (void)fprintf(file, "%.*s:\n", (int)length, key);
    *section = length;
    (void)fprintf(file, "%s%s: ", dot != NULL ? "    " : "", dot != NULL ? dot + 1 : key);
    if (apd_options[option].kind == APD_KIND_LAYERS) {
        write_layers(file, description, option);
        return;
    }
    apd_value_write(file, &apd_options[option], description);
    write_source(file, &description->sources[option]);
}

char *apd_description_write(const apd_description *description) {
    apd_text text;
    size_t section = 0;
    apd_text_begin(&text, "the run description");
    (void)fputs(APD_RESOLVED_HEAD "\n", text.file);
    for (int i = 0; i < apd_option_count; i++)
        write_option(text.file, description, i, &section);
    return apd_text_end(&text);
}

void apd_description_write_layers(const apd_description *description, FILE *file) {
    apd_value_write(file, &apd_options[apd_option_find("network.layers")], description);
}

/* --- digest and difference ------------------------------------------------------------------------------ */

/* "KEY: VALUE", to be freed. */
static char *key_and_value(const apd_option *option, const apd_description *description) {
    apd_text text;
    apd_text_begin(&text, "the run description");
    (void)fprintf(text.file, "%s: ", option->key);
    apd_value_write(text.file, option, description);
    return apd_text_end(&text);
}

uint64_t apd_description_digest(const apd_description *description) {
    uint64_t digest = 0;
    for (int i = 0; i < apd_option_count; i++) {
        if (!apd_options[i].counts)
            continue;
        char *text = key_and_value(&apd_options[i], description);
        digest = apd_digest_join(digest, apd_digest(text, strlen(text)));
        free(text);
    }
    return digest;
}

/* Copy `text` from `begin` on, as much as fits; "..." stands for what is left out at either end. */
static void cut(const char *text, size_t begin, char *out, size_t size) {
    size_t length = strlen(text + begin);
    const char *before = begin > 0 ? "..." : "", *after = "";
    size_t shown = size - 1 - strlen(before);
    if (length > shown) {
        shown -= 3;
        after = "...";
    }
    (void)snprintf(out, size, "%s%.*s%s", before, (int)(length < shown ? length : shown), text + begin,
                   after);
}

static bool note_values(const apd_option *option, const apd_description *a, const apd_description *b,
                        apd_description_difference *difference) {
    char *texts[2] = {key_and_value(option, a), key_and_value(option, b)};
    const char *first = texts[0] + strlen(option->key) + 2, *second = texts[1] + strlen(option->key) + 2;
    bool differ = strcmp(first, second) != 0;
    if (differ) {
        size_t same = 0, size = sizeof difference->first - 1;
        while (first[same] == second[same])
            same++;
        bool fit = strlen(first) <= size && strlen(second) <= size;
        size_t begin = fit || same < LEAD ? 0 : same - LEAD;
        difference->key = option->key;
        cut(first, begin, difference->first, sizeof difference->first);
        cut(second, begin, difference->second, sizeof difference->second);
    }
    free(texts[0]);
    free(texts[1]);
    return differ;
}

/* Layers follow from the preset and its widths; where these differ, they say the same in fewer words. */
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
