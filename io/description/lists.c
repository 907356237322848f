/* The kinds of values that are lists, or may be: pairs, numbers, texts, the order of tasks, the classes of tasks. */
#include "base/memory.h"
#include "io/description/values.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 96

/* The value as a row of whole numbers; `*out` is to be freed. */
static apd_status read_row(const apd_place *place, const char *key, const apd_option *range,
                           const apd_yaml_node *node, int **out) {
    apd_option element = {.kind = APD_KIND_WHOLE, .minimum = range->minimum, .maximum = range->maximum};
    int *row = apd_allocate(node->count, sizeof *row, "a list of numbers");
    for (int i = 0; i < node->count; i++) {
        char name[KEY_SIZE];
        (void)snprintf(name, sizeof name, "%s[%d]", key, i);
        apd_status status = apd_value_read(place, name, &element, &node->items[i], &row[i]);
        if (status != APD_OK) {
            free(row);
            return status;
        }
    }
    *out = row;
    return APD_OK;
}

static apd_status refuse(const apd_place *place, const char *key, const apd_option *option,
                         const apd_yaml_node *node) {
    char need[160];
    apd_value_need(option, need, sizeof need);
    return apd_value_refuse(place, key, node, need);
}

static void write_row(FILE *file, const int *row, int count) {
    (void)fputc('[', file);
    for (int i = 0; i < count; i++)
        (void)fprintf(file, "%s%d", i > 0 ? ", " : "", row[i]);
    (void)fputc(']', file);
}

/* --- two numbers -------------------------------------------------------------------------------------- */

apd_status apd_pair_read(const apd_place *place, const char *key, const apd_option *option,
                         const apd_yaml_node *node, void *base) {
    int *pair = (void *)((char *)base + option->offset);
    apd_option single = {.kind = APD_KIND_WHOLE, .minimum = option->minimum, .maximum = option->maximum};
    int both = 0;
    if (node->kind == APD_YAML_LIST && node->count == 2) {
        int *row = NULL;
        APD_TRY(read_row(place, key, option, node, &row));
        memcpy(pair, row, 2 * sizeof *row);
        free(row);
        return APD_OK;
    }
    if (node->kind != APD_YAML_TEXT)
        return refuse(place, key, option, node);
    APD_TRY(apd_value_read(place, key, &single, node, &both));
    pair[0] = pair[1] = both;
    return APD_OK;
}

void apd_pair_write(FILE *file, const apd_option *option, const void *base) {
    const int *pair = (const void *)((const char *)base + option->offset);
    if (pair[0] == pair[1])
        (void)fprintf(file, "%d", pair[0]);
    else
        write_row(file, pair, 2);
}

/* --- a list of numbers ------------------------------------------------------------------------------- */

apd_status apd_numbers_read(const apd_place *place, const char *key, const apd_option *option,
                            const apd_yaml_node *node, void *base) {
    int *row = NULL;
    if (node->kind != APD_YAML_LIST)
        return refuse(place, key, option, node);
    APD_TRY(read_row(place, key, option, node, &row));
    apd_numbers_clear(option, base);
    *(int **)(void *)((char *)base + option->offset) = row;
    *(int *)(void *)((char *)base + option->count_offset) = node->count;
    return APD_OK;
}

void apd_numbers_write(FILE *file, const apd_option *option, const void *base) {
    write_row(file, *(int *const *)(const void *)((const char *)base + option->offset),
              *(const int *)(const void *)((const char *)base + option->count_offset));
}

void apd_numbers_clear(const apd_option *option, void *base) {
    int **row = (void *)((char *)base + option->offset);
    free(*row);
    *row = NULL;
    *(int *)(void *)((char *)base + option->count_offset) = 0;
}

/* --- a list of texts --------------------------------------------------------------------------------- */

static void free_texts(char **texts, int count) {
    for (int i = 0; i < count; i++)
        free(texts[i]);
    free((void *)texts);
}

apd_status apd_texts_read(const apd_place *place, const char *key, const apd_option *option,
                          const apd_yaml_node *node, void *base) {
    const apd_option element = {.kind = APD_KIND_TEXT};
    const bool is_list = node->kind == APD_YAML_LIST;
    if (!is_list && (!option->single || node->kind == APD_YAML_MAP))
        return refuse(place, key, option, node);
    const int count = is_list ? node->count : 1;
    char **texts = apd_allocate(count, sizeof *texts, "a list of texts");
    for (int i = 0; i < count; i++) {
        char name[KEY_SIZE];
        (void)snprintf(name, sizeof name, is_list ? "%s[%d]" : "%s", key, i);
        apd_status status =
            apd_value_read(place, name, &element, is_list ? &node->items[i] : node, (void *)&texts[i]);
        if (status != APD_OK) {
            free_texts(texts, i);
            return status;
        }
    }
    apd_texts_clear(option, base);
    *(char ***)(void *)((char *)base + option->offset) = texts;
    *(int *)(void *)((char *)base + option->count_offset) = count;
    return APD_OK;
}

void apd_texts_write(FILE *file, const apd_option *option, const void *base) {
    char *const *texts = *(char **const *)(const void *)((const char *)base + option->offset);
    int count = *(const int *)(const void *)((const char *)base + option->count_offset);
    const bool bare = option->single && count == 1;
    (void)fputs(bare ? "" : "[", file);
    for (int i = 0; i < count; i++) {
        (void)fputs(i > 0 ? ", " : "", file);
        apd_quoted_write(file, texts[i]);
    }
    (void)fputs(bare ? "" : "]", file);
}

void apd_texts_clear(const apd_option *option, void *base) {
    char ***texts = (void *)((char *)base + option->offset);
    int *count = (void *)((char *)base + option->count_offset);
    free_texts(*texts, *count);
    *texts = NULL;
    *count = 0;
}

/* --- the order of tasks ------------------------------------------------------------------------------ */

static apd_status read_order_text(const apd_place *place, const char *key, const apd_option *option,
                                  const apd_yaml_node *node, apd_description *description) {
    uint64_t seed = 0;
    if (strlen(node->text) == 1 && node->text[0] >= 'A' && node->text[0] <= 'E') {
        apd_order_clear(option, description);
        description->stream.order_letter = node->text[0];
        return APD_OK;
    }
    if (strncmp(node->text, "seed ", 5) != 0 || !apd_parse_seed(node->text + 5, &seed))
        return refuse(place, key, option, node);
    apd_order_clear(option, description);
    description->stream.order_kind = APD_ORDER_SEED;
    description->stream.order_seed = seed;
    return APD_OK;
}

static bool is_permutation(const int *row, int count) {
    bool *seen = apd_allocate(count, sizeof *seen, "an order's tasks");
    bool good = true;
    for (int i = 0; i < count && good; i++) {
        good = row[i] < count && !seen[row[i]];
        if (good)
            seen[row[i]] = true;
    }
    free(seen);
    return good;
}

apd_status apd_order_read(const apd_place *place, const char *key, const apd_option *option,
                          const apd_yaml_node *node, void *base) {
    apd_description *description = base;
    int *row = NULL;
    if (node->kind == APD_YAML_TEXT)
        return read_order_text(place, key, option, node, description);
    if (node->kind == APD_YAML_MAP || node->count == 0)
        return refuse(place, key, option, node);
    APD_TRY(read_row(place, key, option, node, &row));
    if (!is_permutation(row, node->count)) {
        free(row);
        return apd_place_fail(place, node->line, "%s is no order; each of 0 to %d once is needed", key,
                              node->count - 1);
    }
    apd_order_clear(option, base);
    description->stream.order_kind = APD_ORDER_LIST;
    description->stream.order = row;
    description->stream.order_count = node->count;
    return APD_OK;
}

void apd_order_write(FILE *file, const apd_option *option, const void *base) {
    const apd_description *description = base;
    (void)option;
    if (description->stream.order_kind == APD_ORDER_LETTER)
        (void)fputc(description->stream.order_letter, file);
    else if (description->stream.order_kind == APD_ORDER_SEED)
        (void)fprintf(file, "\"seed %llu\"", (unsigned long long)description->stream.order_seed);
    else
        write_row(file, description->stream.order, description->stream.order_count);
}

/* Back to the order A, which owns nothing. */
void apd_order_clear(const apd_option *option, void *base) {
    apd_description *description = base;
    (void)option;
    free(description->stream.order);
    description->stream.order = NULL;
    description->stream.order_count = 0;
    description->stream.order_seed = 0;
    description->stream.order_kind = APD_ORDER_LETTER;
    description->stream.order_letter = 'A';
}

/* --- the classes of tasks ---------------------------------------------------------------------------- */

static void free_rows(int **rows, int count) {
    for (int t = 0; t < count; t++)
        free(rows[t]);
    free((void *)rows);
}

static apd_status read_rows(const apd_place *place, const char *key, const apd_option *option,
                            const apd_yaml_node *node, int **rows, int *counts) {
    for (int t = 0; t < node->count; t++) {
        const apd_yaml_node *item = &node->items[t];
        char name[KEY_SIZE];
        (void)snprintf(name, sizeof name, "%s[%d]", key, t);
        if (item->kind != APD_YAML_LIST)
            return apd_value_refuse(place, name, item, "a list of class numbers");
        if (item->count == 0)
            return apd_place_fail(place, item->line, "%s is an empty list; at least one class is needed",
                                  name);
        APD_TRY(read_row(place, name, option, item, &rows[t]));
        counts[t] = item->count;
    }
    return APD_OK;
}

apd_status apd_classes_read(const apd_place *place, const char *key, const apd_option *option,
                            const apd_yaml_node *node, void *base) {
    if (node->kind != APD_YAML_LIST)
        return refuse(place, key, option, node);
    int **rows = apd_allocate(node->count, sizeof *rows, "the tasks' classes");
    int *counts = apd_allocate(node->count, sizeof *counts, "the tasks' classes");
    apd_status status = read_rows(place, key, option, node, rows, counts);
    if (status != APD_OK) {
        free_rows(rows, node->count);
        free(counts);
        return status;
    }
    apd_classes_clear(option, base);
    *(int ***)(void *)((char *)base + option->offset) = rows;
    *(int **)(void *)((char *)base + option->sizes_offset) = counts;
    *(int *)(void *)((char *)base + option->count_offset) = node->count;
    return APD_OK;
}

void apd_classes_write(FILE *file, const apd_option *option, const void *base) {
    int *const *rows = *(int **const *)(const void *)((const char *)base + option->offset);
    const int *counts = *(int *const *)(const void *)((const char *)base + option->sizes_offset);
    const int count = *(const int *)(const void *)((const char *)base + option->count_offset);
    (void)fputc('[', file);
    for (int t = 0; t < count; t++) {
        (void)fputs(t > 0 ? ", " : "", file);
        write_row(file, rows[t], counts[t]);
    }
    (void)fputc(']', file);
}

void apd_classes_clear(const apd_option *option, void *base) {
    int ***rows = (void *)((char *)base + option->offset);
    int **counts = (void *)((char *)base + option->sizes_offset);
    int *count = (void *)((char *)base + option->count_offset);
    free_rows(*rows, *count);
    free(*counts);
    *rows = NULL;
    *counts = NULL;
    *count = 0;
}
