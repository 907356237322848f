#include "io/description/layers.h"

#include "base/memory.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* --- the table of layers -------------------------------------------------------------------------------- */

static const char *const paddings[] = {"same", "valid", NULL};

#define AT(field) offsetof(apd_layer_spec, field)

/* One row for each layer, one of its rows for each key. */
/* clang-format off */
#define UNITS(text)                                                                                          \
    {.key = "units", .kind = APD_KIND_WHOLE, .offset = AT(units), .minimum = 1, .maximum = 1e6, .help = text}
#define KERNEL                                                                                               \
    {.key = "kernel", .kind = APD_KIND_PAIR, .offset = AT(kernel_h), .minimum = 1, .maximum = 1024,          \
     .help = "Size of the window, in pixels."}
#define STRIDE(...)                                                                                          \
    {.key = "stride", .kind = APD_KIND_PAIR, .offset = AT(stride_h), .minimum = 1, .maximum = 1024,          \
     __VA_ARGS__, .help = "Step of the window, in pixels."}
#define PADDING                                                                                              \
    {.key = "padding", .kind = APD_KIND_CHOICE, .offset = AT(padding), .names = paddings, .initial = "same", \
     .help = "same: output = ceil(input / stride); valid: output = ceil((input - kernel + 1) / stride)."}

const apd_layer_row apd_layer_rows[] = {
    [APD_LAYER_CONV] = {"conv", "Convolution with a bias for each output channel.",
        {UNITS("Output channels."), KERNEL, STRIDE(.initial = "1"), PADDING}},
    [APD_LAYER_DENSE] = {"dense", "Fully connected, with biases; an image is flattened first.",
        {UNITS("Outputs.")}},
    [APD_LAYER_RELU] = {"relu", "max(x, 0).",
        {{0}}},
    [APD_LAYER_MAX_POOL] = {"max_pool", "Maximum over each window of a channel.",
        {KERNEL, STRIDE(.absent = "kernel"), PADDING}},
    [APD_LAYER_LRN] = {"lrn", "Local response normalisation across channels: y = x / (bias + alpha * sum x^2)^beta.",
        {{.key = "radius", .kind = APD_KIND_WHOLE, .offset = AT(radius), .maximum = 1e6, .initial = "4",
          .help = "The sum takes this many channels on each side."},
         {.key = "bias", .kind = APD_KIND_SINGLE, .offset = AT(bias), .above = true, .maximum = 1e6,
          .initial = "1", .help = "The constant in the formula."},
         {.key = "alpha", .kind = APD_KIND_SINGLE, .offset = AT(alpha), .maximum = 1e6,
          .initial = "0.00011111111111111112", .help = "The factor of the sum; the default is 0.001/9."},
         {.key = "beta", .kind = APD_KIND_SINGLE, .offset = AT(beta), .maximum = 100, .initial = "0.75",
          .help = "The power."}}},
    [APD_LAYER_DROPOUT] = {"dropout", "Sets values to 0 at random in training, and scales the others by 1 / (1 - rate).",
        {{.key = "rate", .kind = APD_KIND_SINGLE, .offset = AT(rate), .maximum = 1, .below = true,
          .help = "Probability with which a value is set to 0."}}}};
/* clang-format on */

const int apd_layer_row_count = (int)(sizeof apd_layer_rows / sizeof *apd_layer_rows);

#define LAYER_NEED "a layer (conv, dense, relu, max_pool, lrn or dropout)"

int apd_layer_field_count(const apd_layer_row *row) {
    int count = 0;
    while (count < APD_LAYER_FIELDS && row->fields[count].key != NULL)
        count++;
    return count;
}

static int find_layer(const char *name) {
    for (int kind = 0; kind < apd_layer_row_count; kind++)
        if (strcmp(apd_layer_rows[kind].name, name) == 0)
            return kind;
    return -1;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static const apd_yaml_node *find_value(const apd_yaml_node *map, const char *key) {
    for (int k = 0; k < map->count; k++)
        if (strcmp(map->items[2 * k].text, key) == 0)
            return &map->items[2 * k + 1];
    return NULL;
}

static apd_status check_fields(const apd_place *place, const char *key, const apd_layer_row *row,
                               const apd_yaml_node *map) {
    for (int k = 0; k < map->count; k++) {
        char known[160] = "none";
        const char *name = map->items[2 * k].text;
        size_t used = 0;
        bool found = false;
        for (int f = 0; f < apd_layer_field_count(row); f++) {
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", f > 0 ? ", " : "",
                                     row->fields[f].key);
            found = found || strcmp(row->fields[f].key, name) == 0;
        }
        if (!found)
            return apd_place_fail(place, map->items[2 * k].line, "%s: %.60s is not a key of %s (known: %s)",
                                  key, name, row->name, known);
    }
    return APD_OK;
}

static apd_status read_initial(const apd_option *field, apd_layer_spec *spec) {
    if (field->initial == NULL) { /* the stride of a pool */
        spec->stride_h = spec->kernel_h;
        spec->stride_w = spec->kernel_w;
        return APD_OK;
    }
    apd_place nowhere = {"default", NULL, NULL};
    return apd_value_read_text(&nowhere, field->key, field, field->initial, spec);
}

static apd_status read_fields(const apd_place *place, const char *key, const apd_layer_row *row,
                              const apd_yaml_node *map, apd_layer_spec *spec) {
    APD_TRY(check_fields(place, key, row, map));
    for (int f = 0; f < apd_layer_field_count(row); f++) {
        const apd_option *field = &row->fields[f];
        const apd_yaml_node *value = find_value(map, field->key);
        char name[96];
        char need[160];
        (void)snprintf(name, sizeof name, "%s: %s", key, field->key);
        if (value != NULL) {
            APD_TRY(apd_value_read(place, name, field, value, spec));
        } else if (field->initial != NULL || field->absent != NULL) {
            APD_TRY(read_initial(field, spec));
        } else {
            apd_value_need(field, need, sizeof need);
            return apd_place_fail(place, map->line, "%s is missing; %s is needed", name, need);
        }
    }
    return APD_OK;
}

/* relu | {conv: {units: 20, kernel: 5}} */
static apd_status read_layer(const apd_place *place, const char *list, int number, const apd_yaml_node *node,
                             apd_layer_spec *spec) {
    const apd_yaml_node nothing = {.kind = APD_YAML_MAP, .line = node->line};
    const apd_yaml_node *fields = &nothing;
    const apd_yaml_node *kind_node = node;
    char key[64];
    (void)snprintf(key, sizeof key, "%s, layer %d", list, number);
    if (node->kind == APD_YAML_MAP && node->count == 1) {
        kind_node = &node->items[0];
        fields = apd_yaml_is_empty(&node->items[1]) ? &nothing : &node->items[1];
    }
    if (kind_node->kind != APD_YAML_TEXT)
        return apd_value_refuse(place, key, node, LAYER_NEED);
    int kind = find_layer(kind_node->text);
    if (kind < 0)
        return apd_value_refuse(place, key, kind_node, LAYER_NEED);
    (void)snprintf(key, sizeof key, "%s, layer %d (%s)", list, number, apd_layer_rows[kind].name);
    if (fields->kind != APD_YAML_MAP)
        return apd_value_refuse(place, key, fields, "a map such as {units: 20}");
    *spec = (apd_layer_spec){.kind = (apd_layer_kind)kind};
    return read_fields(place, key, &apd_layer_rows[kind], fields, spec);
}

apd_status apd_layers_read(const apd_place *place, const char *key, const apd_option *option,
                           const apd_yaml_node *node, void *base) {
    apd_description *description = base;
    if (node->kind != APD_YAML_LIST)
        return apd_value_refuse(place, key, node, "a list of layers");
    if (node->count > APD_MOST_LAYERS)
        return apd_place_fail(place, node->line, "%s has %d layers; at most %d are allowed", key, node->count,
                              APD_MOST_LAYERS);
    apd_layer_spec *layers = apd_allocate(node->count, sizeof *layers, "the layers");
    for (int i = 0; i < node->count; i++) {
        apd_status status = read_layer(place, key, i + 1, &node->items[i], &layers[i]);
        if (status != APD_OK) {
            free(layers);
            return status;
        }
    }
    apd_layers_clear(option, base);
    description->network.layers = layers;
    description->network.layer_count = node->count;
    return APD_OK;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void write_layer(FILE *file, const apd_layer_spec *spec) {
    const apd_layer_row *row = &apd_layer_rows[spec->kind];
    int fields = apd_layer_field_count(row);
    if (fields == 0) {
        (void)fputs(row->name, file);
        return;
    }
    (void)fprintf(file, "{%s: {", row->name);
    for (int f = 0; f < fields; f++) {
        (void)fprintf(file, "%s%s: ", f > 0 ? ", " : "", row->fields[f].key);
        apd_value_write(file, &row->fields[f], spec);
    }
    (void)fputs("}}", file);
}

void apd_layers_write(FILE *file, const apd_option *option, const void *base) {
    const apd_description *description = base;
    (void)option;
    (void)fputc('[', file);
    for (int i = 0; i < description->network.layer_count; i++) {
        (void)fputs(i > 0 ? ", " : "", file);
        write_layer(file, &description->network.layers[i]);
    }
    (void)fputc(']', file);
}

void apd_layers_clear(const apd_option *option, void *base) {
    apd_description *description = base;
    (void)option;
    free(description->network.layers);
    description->network.layers = NULL;
    description->network.layer_count = 0;
}

/* --- presets -------------------------------------------------------------------------------------------- */

static const apd_layer_spec relu = {.kind = APD_LAYER_RELU};
static const apd_layer_spec lrn = {
    .kind = APD_LAYER_LRN, .radius = 4, .bias = 1.0F, .alpha = (float)(0.001 / 9), .beta = 0.75F};
static const apd_layer_spec pool = {
    .kind = APD_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2};

static void append(apd_description *description, apd_layer_spec layer) {
    int count = description->network.layer_count;
    description->network.layers =
        apd_reallocate(description->network.layers, count, count + 1, sizeof layer, "the preset's layers");
    description->network.layers[count] = layer;
    description->network.layer_count = count + 1;
}

static void append_dense(apd_description *description, int units) {
    append(description, (apd_layer_spec){.kind = APD_LAYER_DENSE, .units = units});
    append(description, relu);
}

/* Yoon et al. 2020: 5x5 convolutions, 3x3 pools of stride 2, all SAME; with `lrn`, LRN after each ReLU. */
static void append_conv(apd_description *description, int units) {
    append(description, (apd_layer_spec){.kind = APD_LAYER_CONV,
                                         .units = units,
                                         .kernel_h = 5,
                                         .kernel_w = 5,
                                         .stride_h = 1,
                                         .stride_w = 1});
    append(description, relu);
    if (description->network.lrn)
        append(description, lrn);
    append(description, pool);
}

typedef struct preset {
    const char *name;
    int convs[2], dense[2];
} preset;

static const preset presets[] = {{"lenet", {20, 50}, {800, 500}}, {"lenet-large", {64, 128}, {2500, 1500}}};

void apd_description_layers_resolve(apd_description *description) {
    const char *name = description->network.preset;
    if (strcmp(name, "custom") == 0)
        return;
    apd_layers_clear(NULL, description);
    if (strcmp(name, "mlp") == 0)
        for (int i = 0; i < description->network.width_count; i++)
            append_dense(description, description->network.widths[i]);
    for (size_t p = 0; p < sizeof presets / sizeof *presets; p++) {
        if (strcmp(presets[p].name, name) != 0)
            continue;
        for (int i = 0; i < 2; i++)
            append_conv(description, presets[p].convs[i]);
        for (int i = 0; i < 2; i++)
            append_dense(description, presets[p].dense[i]);
    }
}
