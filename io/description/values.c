#include "io/description/values.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- numbers from texts: the whole text, or nothing -------------------------------------------------- */

static bool all_digits(const char *text) {
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (!isdigit((unsigned char)*text))
            return false;
    return true;
}

static bool parse_whole(const char *text, int64_t *value) {
    bool has_sign = *text == '-' || *text == '+';
    if (!all_digits(text + (has_sign ? 1 : 0)))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    *value = number;
    return errno == 0;
}

bool apd_parse_seed(const char *text, uint64_t *value) {
    if (!all_digits(text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    *value = number;
    return errno == 0;
}

static const char *skip_digits(const char *text, bool *any, bool *any_nonzero) {
    for (; isdigit((unsigned char)*text); text++) {
        *any = true;
        *any_nonzero = *any_nonzero || *text != '0';
    }
    return text;
}

/* Decimal numbers only: strtod alone would accept hexadecimal numbers, nan, and bad texts with a good start. */
static bool is_decimal(const char *text, bool *nonzero) {
    bool mantissa = false;
    bool exponent = false;
    bool ignored = false;
    *nonzero = false;
    text += *text == '-' || *text == '+';
    text = skip_digits(text, &mantissa, nonzero);
    if (*text == '.')
        text = skip_digits(text + 1, &mantissa, nonzero);
    if (!mantissa)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        text = skip_digits(text, &exponent, &ignored);
        if (!exponent)
            return false;
    }
    return *text == '\0';
}

static bool is_infinity(const char *text) {
    return strcasecmp(text, "inf") == 0 || strcasecmp(text, ".inf") == 0;
}

static bool parse_real(const char *text, double *value) {
    bool nonzero = false;
    if (is_infinity(text)) {
        *value = INFINITY;
        return true;
    }
    if (!is_decimal(text, &nonzero))
        return false;
    *value = strtod(text, NULL) + 0.0; /* no negative zero */
    return isfinite(*value) && (*value != 0.0 || !nonzero);
}

static bool in_range(const apd_option *option, double value) {
    if (isinf(value))
        return value > 0 && isinf(option->maximum);
    if (option->above ? value <= option->minimum : value < option->minimum)
        return false;
    return option->below ? value < option->maximum : value <= option->maximum;
}

/* --- the kinds that are one text --------------------------------------------------------------------- */

static bool read_text(const apd_option *option, const char *text, void *field) {
    (void)option;
    if (*text == '\0')
        return false;
    free(*(char **)field);
    *(char **)field = apd_duplicate_text(text);
    return true;
}

static bool read_name(const apd_option *option, const char *text, void *field) {
    if (strchr(text, '/') != NULL || *text == '.' || strlen(text) > 200)
        return false;
    return read_text(option, text, field);
}

static bool read_switch(const apd_option *option, const char *text, void *field) {
    (void)option;
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return false;
    *(bool *)field = is_true;
    return true;
}

static bool read_choice(const apd_option *option, const char *text, void *field) {
    const char *const *former = option->former_names;
    for (int i = 0; option->names[i] != NULL; i++)
        if (strcmp(option->names[i], text) == 0 || (former != NULL && strcmp(former[i], text) == 0)) {
            *(int *)field = i;
            return true;
        }
    return false;
}

static bool read_method(const apd_option *option, const char *text, void *field) {
    const apd_method *method = apd_method_find(text);
    (void)option;
    if (method != NULL)
        *(const apd_method **)field = method;
    return method != NULL;
}

static bool read_whole(const apd_option *option, const char *text, void *field) {
    int64_t value = 0;
    if (option->word != NULL && strcmp(text, option->word) == 0) {
        *(int *)field = 0;
        return true;
    }
    if (!parse_whole(text, &value) || !in_range(option, (double)value))
        return false;
    *(int *)field = (int)value;
    return true;
}

static bool read_long(const apd_option *option, const char *text, void *field) {
    int64_t value = 0;
    if (!parse_whole(text, &value) || value < (int64_t)option->minimum)
        return false;
    *(int64_t *)field = value;
    return true;
}

static bool read_seed(const apd_option *option, const char *text, void *field) {
    uint64_t value = 0;
    (void)option;
    if (!apd_parse_seed(text, &value))
        return false;
    *(uint64_t *)field = value;
    return true;
}

static bool read_real(const apd_option *option, const char *text, void *field) {
    double value = 0.0;
    if (!parse_real(text, &value) || !in_range(option, value))
        return false;
    *(double *)field = value;
    return true;
}

/* The range holds for the rounded value too: 0.99999999999 is 1 as a float. */
static bool read_single(const apd_option *option, const char *text, void *field) {
    double value = 0.0;
    if (!parse_real(text, &value) || !in_range(option, value) || !in_range(option, (double)(float)value))
        return false;
    *(float *)field = (float)value;
    return true;
}

/* --- writing them ------------------------------------------------------------------------------------- */

void apd_quoted_write(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

/* The fewest digits that read back to the same bits, but at least 15 (6 for float): %g drops trailing zeros. */
static void write_number(FILE *file, double value, bool is_single) {
    int least = is_single ? 6 : 15, most = is_single ? 9 : 17;
    char text[40] = "inf";
    for (int digits = least; digits <= most && isfinite(value); digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        double again = strtod(text, NULL);
        if (is_single ? (float)again == (float)value : again == value)
            break;
    }
    (void)fputs(text, file);
}

static void write_scalar(FILE *file, const apd_option *option, const void *base) {
    const void *field = (const char *)base + option->offset;
    const int *number = field;
    switch (option->kind) {
    case APD_KIND_TEXT:
    case APD_KIND_NAME: apd_quoted_write(file, *(char *const *)field); break;
    case APD_KIND_SWITCH: (void)fputs(*(const bool *)field ? "true" : "false", file); break;
    case APD_KIND_CHOICE: (void)fputs(option->names[*number], file); break;
    case APD_KIND_METHOD: (void)fputs((*(const apd_method *const *)field)->name, file); break;
    case APD_KIND_LONG: (void)fprintf(file, "%" PRId64, *(const int64_t *)field); break;
    case APD_KIND_SEED: (void)fprintf(file, "%" PRIu64, *(const uint64_t *)field); break;
    case APD_KIND_REAL: write_number(file, *(const double *)field, false); break;
    case APD_KIND_SINGLE: write_number(file, (double)*(const float *)field, true); break;
    default:
        if (option->word != NULL && *number == 0)
            (void)fputs(option->word, file);
        else
            (void)fprintf(file, "%d", *number);
    }
}

static void clear_text(const apd_option *option, void *base) {
    char **text = (void *)((char *)base + option->offset);
    free(*text);
    *text = NULL;
}

/* --- the table of kinds ------------------------------------------------------------------------------ */

typedef struct kind_row {
    bool (*parse)(const apd_option *option, const char *text, void *field); /* kinds that are one text */
    apd_compound_read *read;                                                /* the others */
    apd_compound_write *write;
    apd_compound_clear *clear; /* NULL: owns nothing */
    const char *need;          /* NULL: made from the range */
} kind_row;

static const kind_row kinds[APD_KINDS] = {
    [APD_KIND_TEXT] = {read_text, NULL, write_scalar, clear_text, "a text"},
    [APD_KIND_NAME] = {read_name, NULL, write_scalar, clear_text,
                       "a name of at most 200 bytes without / and not beginning with a dot"},
    [APD_KIND_SWITCH] = {read_switch, NULL, write_scalar, NULL, "true or false"},
    [APD_KIND_CHOICE] = {read_choice, NULL, write_scalar, NULL, NULL},
    [APD_KIND_METHOD] = {read_method, NULL, write_scalar, NULL, NULL},
    [APD_KIND_WHOLE] = {read_whole, NULL, write_scalar, NULL, NULL},
    [APD_KIND_LONG] = {read_long, NULL, write_scalar, NULL, NULL},
    [APD_KIND_SEED] = {read_seed, NULL, write_scalar, NULL, "a whole number from 0 to 18446744073709551615"},
    [APD_KIND_REAL] = {read_real, NULL, write_scalar, NULL, NULL},
    [APD_KIND_SINGLE] = {read_single, NULL, write_scalar, NULL, NULL},
    [APD_KIND_PAIR] = {NULL, apd_pair_read, apd_pair_write, NULL, NULL},
    [APD_KIND_NUMBERS] = {NULL, apd_numbers_read, apd_numbers_write, apd_numbers_clear, NULL},
    [APD_KIND_TEXTS] = {NULL, apd_texts_read, apd_texts_write, apd_texts_clear, "a list of texts"},
    [APD_KIND_ORDER] = {NULL, apd_order_read, apd_order_write, apd_order_clear,
                        "a letter A to E, \"seed N\", or a list of task ids"},
    [APD_KIND_CLASSES] = {NULL, apd_classes_read, apd_classes_write, apd_classes_clear,
                          "a list with a list of class numbers for each task"},
    [APD_KIND_LAYERS] = {NULL, apd_layers_read, apd_layers_write, apd_layers_clear, "a list of layers"}};

const char *apd_value_name(const apd_option *option, int i) {
    if (option->kind == APD_KIND_METHOD)
        return i < apd_method_count ? apd_methods[i].name : NULL;
    return option->names != NULL ? option->names[i] : NULL;
}

static void need_of_names(const apd_option *option, char *text, size_t size) {
    size_t used = 0;
    for (int i = 0; apd_value_name(option, i) != NULL && used < size; i++) {
        const char *joint = i == 0 ? "" : apd_value_name(option, i + 1) == NULL ? " or " : ", ";
        int wrote = snprintf(text + used, size - used, "%s%s", joint, apd_value_name(option, i));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void need_of_whole(const apd_option *option, char *text, size_t size) {
    const char *extra = option->kind == APD_KIND_PAIR ? ", or two of them [height, width]" : "";
    const char *joint = option->word != NULL ? " or " : "";
    const char *form = option->kind == APD_KIND_NUMBERS ? "a list of whole numbers" : "a whole number";
    double least = option->word != NULL && option->minimum == 0.0 ? 1.0 : option->minimum;
    if (option->kind == APD_KIND_LONG)
        (void)snprintf(text, size, "a whole number >= %.0f", option->minimum);
    else
        (void)snprintf(text, size, "%s%s%s from %.0f to %.0f%s", option->word != NULL ? option->word : "",
                       joint, form, least, option->maximum, extra);
}

static void need_of_real(const apd_option *option, char *text, size_t size) {
    char bound[64] = "";
    if (isinf(option->maximum))
        (void)snprintf(bound, sizeof bound, " or inf");
    else if (option->maximum < DBL_MAX)
        (void)snprintf(bound, sizeof bound, " and %s %.10g", option->below ? "<" : "<=", option->maximum);
    (void)snprintf(text, size, "a number %s %.10g%s", option->above ? ">" : ">=", option->minimum, bound);
}

void apd_value_need(const apd_option *option, char *text, size_t size) {
    if (option->names != NULL || option->kind == APD_KIND_METHOD)
        need_of_names(option, text, size);
    else if (option->single)
        (void)snprintf(text, size, "a text or a list of texts");
    else if (kinds[option->kind].need != NULL)
        (void)snprintf(text, size, "%s", kinds[option->kind].need);
    else if (option->kind == APD_KIND_REAL || option->kind == APD_KIND_SINGLE)
        need_of_real(option, text, size);
    else
        need_of_whole(option, text, size);
}

apd_status apd_value_refuse(const apd_place *place, const char *key, const apd_yaml_node *node,
                            const char *need) {
    char value[64];
    size_t length = strlen(key);
    if (node == NULL)
        return apd_place_fail(place, 0, "%s is missing; %s is needed", key, need);
    if (place->setting != NULL && strncmp(place->setting, key, length) == 0 && place->setting[length] == '=')
        return apd_place_fail(place, 0, "%s is needed", need);
    if (apd_yaml_is_empty(node))
        return apd_place_fail(place, node->line, "%s is empty; %s is needed", key, need);
    if (node->kind != APD_YAML_TEXT)
        return apd_place_fail(place, node->line, "%s is a %s; %s is needed", key,
                              node->kind == APD_YAML_LIST ? "list" : "map", need);
    apd_utf8_excerpt(node->text, strlen(node->text), value, sizeof value);
    return apd_place_fail(place, node->line, "%s is \"%s\"; %s is needed", key, value, need);
}

static bool is_among(const char *const *names, const char *text) {
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, text) == 0)
            return true;
    return names == NULL;
}

apd_status apd_value_read(const apd_place *place, const char *key, const apd_option *option,
                          const apd_yaml_node *node, void *base) {
    const kind_row *kind = &kinds[option->kind];
    char need[160];
    if (kind->read != NULL)
        return kind->read(place, key, option, node, base);
    if (node->kind == APD_YAML_TEXT && !apd_yaml_is_empty(node) &&
        (is_among(option->names, node->text) || option->former_names != NULL) &&
        kind->parse(option, node->text, (char *)base + option->offset))
        return APD_OK;
    apd_value_need(option, need, sizeof need);
    return apd_value_refuse(place, key, node, need);
}

apd_status apd_value_read_text(const apd_place *place, const char *key, const apd_option *option,
                               const char *text, void *base) {
    apd_yaml_node node = {0};
    APD_TRY(apd_yaml_parse(place, text, (int64_t)strlen(text), &node));
    apd_status status = apd_value_read(place, key, option, &node, base);
    apd_yaml_clear(&node);
    return status;
}

void apd_value_write(FILE *file, const apd_option *option, const void *base) {
    kinds[option->kind].write(file, option, base);
}

void apd_value_clear(const apd_option *option, void *base) {
    if (kinds[option->kind].clear != NULL)
        kinds[option->kind].clear(option, base);
}
