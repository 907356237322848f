/* The run description: YAML text, then the values of --set, each after a byte 0. What is accepted must read
 * back from what apd_description_write makes of it. */
#include "fuzz.h"
#include "io/description/description.h"
#include "io/description/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME          "jobs/fuzz.yaml"
#define MOST_SETTINGS 16

const char *const fuzz_name = "description";
const bool fuzz_may_end = false;

void fuzz_start(void) {
}

static void check_round_trip(const apd_description *description) {
    apd_error error = {0};
    apd_description *again = NULL;
    apd_description_difference difference;
    char *text = apd_description_write(description);
    apd_status status =
        apd_description_parse("run.yaml", text, (int64_t)strlen(text), NULL, 0, &again, &error);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n%s\n", error.message, text);
    FUZZ_CHECK(status == APD_OK);
    FUZZ_CHECK(!apd_description_differs(description, again, NULL, &difference));
    FUZZ_CHECK(apd_description_digest(description) == apd_description_digest(again));
    apd_description_destroy(again);
    free(text);
}

apd_status fuzz_one(const uint8_t *bytes, size_t size) {
    char *text = malloc(size + 1);
    const char *settings[MOST_SETTINGS];
    int count = 0;
    apd_error error = {0};
    apd_description *description = NULL;
    FUZZ_CHECK(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    size_t length = strlen(text);
    for (size_t at = length; at < size && count < MOST_SETTINGS; at += strlen(text + at))
        settings[count++] = text + ++at;
    apd_status status =
        apd_description_parse(NAME, text, (int64_t)length, settings, count, &description, &error);
    if (status == APD_OK) {
        check_round_trip(description);
        apd_description_destroy(description);
    } else {
        fuzz_check_refusal(status, &error, NULL);
        FUZZ_CHECK(description == NULL);
        FUZZ_CHECK(strstr(error.message, NAME) != NULL || strncmp(error.message, "--set ", 6) == 0);
    }
    free(text);
    return status;
}

/* --- inputs ---------------------------------------------------------------------------------------------- */

#define TEXT(text) \
    { text, sizeof text - 1 }

static const struct {
    const char *text;
    size_t size;
} texts[] = {
    TEXT("data: {file: a.h5}\nstream: {kind: split, classes_per_task: 2}\n"),
    TEXT("data: {file: a.h5}\nstream: {kind: rotation, tasks: 3, rotation_step: 1e-1}\0seed=7\0shards=auto"),
    TEXT("data: {file: a.h5}\nstream:\n  kind: list\n  classes: [[0, 1], [2]]\n  order: [1, 0]\n"
         "  forget: [0, 1]\n\0stream.order=seed 5\0stream.classes=[[3],[4, 5]]"),
    TEXT("name: \"x y\"\noutput: >\n  folded\ndata:\n  file: 'it''s'\n  validation: .5\nstream:\n"
         "  kind: superclass\nnetwork:\n  layers:\n  - {conv: {units: 20, kernel: [5, 3], padding: valid}}\n"
         "  - relu\n  - lrn:\n  - {max_pool: {kernel: 3, stride: 2}}\n  - {dropout: {rate: 0.5}}\n"
         "  - {dense: {units: 9}}\n"),
    TEXT("{data: {file: \"\\u00e9\\x41\"}, stream: {kind: permutation, tasks: 1}}\0method.lambda2=inf"),
};

size_t fuzz_seed(int number, uint8_t *bytes) {
    if (number >= (int)(sizeof texts / sizeof *texts))
        return 0;
    memcpy(bytes, texts[number].text, texts[number].size);
    return texts[number].size;
}

static const char *const tokens[] = {
    "[",        "]",    "{",     "}",      ", ",    ": ",       "\n",        "\n  ",       "- ",   "\n- ",
    "? ",       "|\n ", ">\n ",  "\"",     "'",     "#",        "&a ",       "*a",         "!t ",  "---\n",
    "...\n",    "%TAG", "%YAML", "\\u00",  "\\x",   "\xef\xbb", "\xe2\x80",  "\xff\xfe",   "~",    "null",
    "true",     "0",    "-1",    "1e999",  "1e-99", "inf",      "nan",       "2147483648", "0x10", "1_000",
    "seed 1",   "A",    "E",     "custom", "mlp",   "conv",     "{relu: }",  "<<: *a",     "\t",   "\r",
    "[[[[[[[[", "1.5",  "[]",    "{}",     "\x7f",  "split",    "tasks: 99", "joint",      "stl",  "auto",
};

/* "key: value" with the key and default of some option, as a line, a --set, or nested. */
static size_t make_option(char *out, size_t room, fuzz_random *random) {
    static const char *const forms[] = {"%s=%s", "\n%s: %s\n", "%s: %s, ", "{%s: %s}"};
    const apd_option *option = &apd_options[fuzz_draw(random, (uint32_t)apd_option_count)];
    const char *dot = strrchr(option->key, '.');
    uint32_t form = fuzz_draw(random, 4);
    const char *key = form > 0 && dot != NULL ? dot + 1 : option->key;
    const char *value = option->initial != NULL && fuzz_draw(random, 2) == 0
                            ? option->initial
                            : tokens[fuzz_draw(random, sizeof tokens / sizeof *tokens)];
    size_t used = form == 0;
    out[0] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int wrote = snprintf(out + used, room - used, forms[form], key, value);
#pragma GCC diagnostic pop
    return used + (wrote > 0 ? (size_t)wrote : 0);
}

size_t fuzz_mutate(uint8_t *bytes, size_t size, fuzz_random *random) {
    char piece[160];
    size_t place = fuzz_draw(random, (uint32_t)size + 1);
    switch (fuzz_draw(random, 4)) {
    case 0: {
        const char *token = tokens[fuzz_draw(random, sizeof tokens / sizeof *tokens)];
        return fuzz_insert(bytes, size, place, token, strlen(token));
    }
    case 1: {
        size_t length = make_option(piece, sizeof piece, random);
        return fuzz_insert(bytes, size, piece[0] == '\0' ? size : place, piece, length);
    }
    default: return fuzz_mutate_bytes(bytes, size, random);
    }
}
