#include "export/onnx.h"

#include "base/memory.h"
#include "base/wire.h"
#include "io/system/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of fields and kinds: onnx.proto3 of the ONNX project. */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_DOC = 6,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14
};
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALISER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_INTS = 7 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { DATA_FLOAT = 1, DATA_UINT8 = 2, DATA_INT64 = 7 };
enum { IR_VERSION = 8, OPERATOR_SET = 13 };
#define MOST_BYTES INT64_C(2000000000)

/* The graph being written, and the name of the last value. */
typedef struct onnx_graph {
    FILE *file;
    const apd_trained *trained;
    bool flat;  /* the last value is (batch, numbers) */
    int values; /* named so far */
    char last[32];
} onnx_graph;

/* --- parts of a graph ------------------------------------------------------------------------------------------ */

static void add_tensor(onnx_graph *graph, const char *name, int type, int rank, const int64_t *sizes,
                       const void *data) {
    apd_text tensor;
    size_t count = type == DATA_FLOAT ? sizeof(float) : sizeof(int64_t);
    apd_text_begin(&tensor, "an ONNX tensor");
    for (int d = 0; d < rank; d++) {
        apd_wire_number(tensor.file, TENSOR_DIMS, sizes[d]);
        count *= (size_t)sizes[d];
    }
    apd_wire_number(tensor.file, TENSOR_TYPE, type);
    apd_wire_text(tensor.file, TENSOR_NAME, name);
    apd_wire_bytes(tensor.file, TENSOR_RAW, data, count);
    apd_wire_message(graph->file, GRAPH_INITIALISER, &tensor);
}

typedef struct onnx_attribute {
    const char *name;
    int type;
    float f;
    int count;       /* INTS */
    int64_t ints[4]; /* INT: the first */
} onnx_attribute;

static void add_attribute(FILE *node, const onnx_attribute *attribute) {
    apd_text text;
    apd_text_begin(&text, "an ONNX attribute");
    apd_wire_text(text.file, ATTRIBUTE_NAME, attribute->name);
    if (attribute->type == TYPE_FLOAT)
        apd_wire_float(text.file, ATTRIBUTE_F, attribute->f);
    if (attribute->type == TYPE_INT)
        apd_wire_number(text.file, ATTRIBUTE_I, attribute->ints[0]);
    for (int i = 0; i < attribute->count; i++)
        apd_wire_number(text.file, ATTRIBUTE_INTS, attribute->ints[i]);
    apd_wire_number(text.file, ATTRIBUTE_TYPE, attribute->type);
    apd_wire_message(node, NODE_ATTRIBUTE, &text);
}

/* Add a node that takes the last value, and `more` (ends in NULL; may be NULL) initialisers, and makes the value `output` (NULL: a
 * name of its own). `attributes` ends with one without a name. */
static void add_node(onnx_graph *graph, const char *operator, const char * const * more, const char *output,
                     const onnx_attribute *attributes) {
    apd_text node;
    char name[48];
    apd_text_begin(&node, "an ONNX node");
    apd_wire_text(node.file, NODE_INPUT, graph->last);
    for (; more != NULL && *more != NULL; more++)
        apd_wire_text(node.file, NODE_INPUT, *more);
    if (output != NULL)
        (void)snprintf(graph->last, sizeof graph->last, "%s", output);
    else
        (void)snprintf(graph->last, sizeof graph->last, "value%d", ++graph->values);
    (void)snprintf(name, sizeof name, "make_%s", graph->last);
    apd_wire_text(node.file, NODE_OUTPUT, graph->last);
    apd_wire_text(node.file, NODE_NAME, name);
    apd_wire_text(node.file, NODE_OPERATOR, operator);
    for (; attributes != NULL && attributes->name != NULL; attributes++)
        add_attribute(node.file, attributes);
    apd_wire_message(graph->file, GRAPH_NODE, &node);
}

/* An input or output (batch, sizes...). */
static void add_value(onnx_graph *graph, int field, const char *name, int type, int rank,
                      const int64_t *sizes) {
    apd_text value, kind, tensor, shape, size;
    apd_text_begin(&shape, "an ONNX shape");
    for (int d = -1; d < rank; d++) {
        apd_text_begin(&size, "an ONNX size");
        if (d < 0)
            apd_wire_text(size.file, 2, "batch");
        else
            apd_wire_number(size.file, 1, sizes[d]);
        apd_wire_message(shape.file, 1, &size);
    }
    apd_text_begin(&tensor, "an ONNX type");
    apd_wire_number(tensor.file, 1, type);
    apd_wire_message(tensor.file, 2, &shape);
    apd_text_begin(&kind, "an ONNX type");
    apd_wire_message(kind.file, 1, &tensor);
    apd_text_begin(&value, "an ONNX value");
    apd_wire_text(value.file, 1, name);
    apd_wire_message(value.file, 2, &kind);
    apd_wire_message(graph->file, field, &value);
}

/* --- a network --------------------------------------------------------------------------------------------------- */

static void add_normalisation(onnx_graph *graph, const apd_trained *trained, bool raw) {
    const int64_t sizes[] = {1, trained->file->shape.channels, 1, 1}, one[] = {1};
    const float scale = 1.0f / 255.0f;
    if (raw) {
        add_node(graph, "Cast", NULL, NULL,
                 (const onnx_attribute[]){{.name = "to", .type = TYPE_INT, .ints = {DATA_FLOAT}}, {0}});
        add_tensor(graph, "scale", DATA_FLOAT, 1, one, &scale);
        add_node(graph, "Mul", (const char *const[]){"scale", NULL}, NULL, NULL);
    }
    add_tensor(graph, "mean", DATA_FLOAT, 4, sizes, trained->normalisation.mean);
    add_node(graph, "Sub", (const char *const[]){"mean", NULL}, NULL, NULL);
    add_tensor(graph, "deviation", DATA_FLOAT, 4, sizes, trained->normalisation.deviation);
    add_node(graph, "Div", (const char *const[]){"deviation", NULL}, NULL, NULL);
}

/* Pixels in another order. */
static void add_pixels(onnx_graph *graph, const apd_trained *trained) {
    int32_t *pixels = apd_trained_pixels(trained);
    if (pixels == NULL)
        return;
    apd_image_shape shape = trained->file->shape;
    const int64_t count[] = {(int64_t)shape.channels * shape.height * shape.width}, four[] = {4};
    const int64_t back[] = {-1, shape.channels, shape.height, shape.width};
    int64_t *indices = apd_allocate(count[0], sizeof *indices, "the numbers of pixels");
    for (int64_t i = 0; i < count[0]; i++)
        indices[i] = pixels[i];
    add_tensor(graph, "pixels", DATA_INT64, 1, count, indices);
    add_tensor(graph, "image_shape", DATA_INT64, 1, four, back);
    add_node(graph, "Flatten", NULL, NULL,
             (const onnx_attribute[]){{.name = "axis", .type = TYPE_INT, .ints = {1}}, {0}});
    add_node(graph, "Gather", (const char *const[]){"pixels", NULL}, NULL,
             (const onnx_attribute[]){{.name = "axis", .type = TYPE_INT, .ints = {1}}, {0}});
    add_node(graph, "Reshape", (const char *const[]){"image_shape", NULL}, NULL, NULL);
    free(indices);
    free(pixels);
}

static void flatten(onnx_graph *graph) {
    add_node(graph, "Flatten", NULL, NULL,
             (const onnx_attribute[]){{.name = "axis", .type = TYPE_INT, .ints = {1}}, {0}});
    graph->flat = true;
}

/* Add the initialisers of a layer, and the node that uses them. */
static void add_weights(onnx_graph *graph, const apd_block *block, const char *operator, int rank,
                        const int64_t *sizes, const char *output, const onnx_attribute *attributes) {
    char weights[48], bias[48];
    (void)snprintf(weights, sizeof weights, "%s_weights", block->name);
    (void)snprintf(bias, sizeof bias, "%s_bias", block->name);
    add_tensor(graph, weights, DATA_FLOAT, rank, sizes, graph->trained->theta + block->weight);
    add_tensor(graph, bias, DATA_FLOAT, 1, &block->rows, graph->trained->theta + block->bias);
    add_node(graph, operator,(const char *const[]){weights, bias, NULL}, output, attributes);
}

static void add_window(onnx_graph *graph, const apd_layer_view *layer, const apd_block *block) {
    const apd_layer_spec *spec = &layer->spec;
    const onnx_attribute attributes[] = {
        {.name = "kernel_shape", .type = TYPE_INTS, .count = 2, .ints = {spec->kernel_h, spec->kernel_w}},
        {.name = "strides", .type = TYPE_INTS, .count = 2, .ints = {spec->stride_h, spec->stride_w}},
        {.name = "pads",
         .type = TYPE_INTS,
         .count = 4,
         .ints = {layer->top, layer->left, layer->bottom, layer->right}},
        {0}};
    const int64_t sizes[] = {layer->out.channels, layer->in.channels, spec->kernel_h, spec->kernel_w};
    if (block != NULL)
        add_weights(graph, block, "Conv", 4, sizes, NULL, attributes);
    else
        add_node(graph, "MaxPool", NULL, NULL, attributes);
}

static void add_dense(onnx_graph *graph, const apd_layer_view *layer, const apd_block *block) {
    const onnx_attribute transposed[] = {{.name = "transB", .type = TYPE_INT, .ints = {1}}, {0}};
    const int64_t sizes[] = {block->rows, block->cols};
    (void)layer;
    if (!graph->flat)
        flatten(graph);
    add_weights(graph, block, "Gemm", 2, sizes, block->decomposed ? NULL : "logits", transposed);
}

static void add_relu(onnx_graph *graph, const apd_layer_view *layer, const apd_block *block) {
    (void)layer;
    (void)block;
    add_node(graph, "Relu", NULL, NULL, NULL);
}

/* ONNX divides alpha by the size of the window. */
static void add_lrn(onnx_graph *graph, const apd_layer_view *layer, const apd_block *block) {
    const apd_layer_spec *spec = &layer->spec;
    int size = 2 * spec->radius + 1;
    const onnx_attribute attributes[] = {
        {.name = "alpha", .type = TYPE_FLOAT, .f = (float)((double)spec->alpha * size)},
        {.name = "beta", .type = TYPE_FLOAT, .f = spec->beta},
        {.name = "bias", .type = TYPE_FLOAT, .f = spec->bias},
        {.name = "size", .type = TYPE_INT, .ints = {size}},
        {0}};
    (void)block;
    add_node(graph, "LRN", NULL, NULL, attributes);
}

/* Dropout does nothing when a network is used. */
static void (*const layer_adders[])(onnx_graph *graph, const apd_layer_view *layer,
                                    const apd_block *block) = {
    [APD_LAYER_CONV] = add_window,     [APD_LAYER_DENSE] = add_dense, [APD_LAYER_RELU] = add_relu,
    [APD_LAYER_MAX_POOL] = add_window, [APD_LAYER_LRN] = add_lrn,     [APD_LAYER_DROPOUT] = NULL,
};

static void write_graph(const apd_trained *trained, bool raw, FILE *file) {
    apd_image_shape shape = trained->file->shape;
    onnx_graph graph = {.file = file, .trained = trained, .last = "image"};
    const int64_t sizes[] = {shape.channels, shape.height, shape.width},
                  classes[] = {trained->record->class_count};
    const apd_layout *layout = apd_network_layout(trained->network);
    apd_wire_text(file, GRAPH_NAME, "task");
    add_value(&graph, GRAPH_INPUT, "image", raw ? DATA_UINT8 : DATA_FLOAT, 3, sizes);
    add_pixels(&graph, trained);
    add_normalisation(&graph, trained, raw);
    for (int l = 0; l <= apd_network_depth(trained->network); l++) {
        apd_layer_view layer = apd_network_layer(trained->network, l);
        if (layer_adders[layer.spec.kind] != NULL)
            layer_adders[layer.spec.kind](&graph, &layer,
                                          layer.block >= 0 ? &layout->blocks[layer.block] : NULL);
    }
    add_node(&graph, "Softmax", NULL, "probabilities",
             (const onnx_attribute[]){{.name = "axis", .type = TYPE_INT, .ints = {1}}, {0}});
    add_value(&graph, GRAPH_OUTPUT, "logits", DATA_FLOAT, 1, classes);
    add_value(&graph, GRAPH_OUTPUT, "probabilities", DATA_FLOAT, 1, classes);
}

/* --- the model ----------------------------------------------------------------------------------------------------- */

static void add_metadata(FILE *file, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_metadata(FILE *file, const char *key, const char *format, ...) {
    apd_text entry, value;
    va_list arguments;
    apd_text_begin(&value, "ONNX metadata");
    va_start(arguments, format);
    (void)vfprintf(value.file, format, arguments);
    va_end(arguments);
    apd_text_begin(&entry, "ONNX metadata");
    apd_wire_text(entry.file, 1, key);
    apd_wire_message(entry.file, 2, &value);
    apd_wire_message(file, MODEL_METADATA, &entry);
}

/* The classes' names, or numbers in the data file, as a JSON array; free it. */
static char *classes_text(const apd_trained *trained, bool names) {
    apd_text text;
    char room[64];
    apd_text_begin(&text, "the classes' names");
    apd_json json = {.file = text.file, .line = true};
    apd_json_begin_array(&json, NULL);
    for (int c = 0; c < trained->record->class_count; c++)
        if (names)
            apd_json_text(&json, NULL, apd_trained_class_name(trained, c, room));
        else
            apd_json_integer(&json, NULL, trained->record->classes[c]);
    apd_json_end(&json);
    char *array = apd_text_end(&text);
    array[strcspn(array, "\n")] = '\0';
    return array;
}

static void write_metadata(const apd_trained *trained, FILE *file) {
    const apd_run_state *state = trained->file->state;
    char *names = classes_text(trained, true), *numbers = classes_text(trained, false);
    double angle = apd_trained_transform(trained).angle;
    add_metadata(file, "apd.run", "%s", trained->file->description->name);
    add_metadata(file, "apd.task", "%d", trained->record->id);
    add_metadata(file, "apd.task_name", "%s", trained->record->name);
    add_metadata(file, "apd.classes", "%s", names);
    add_metadata(file, "apd.class_numbers", "%s", numbers);
    if (!isnan(trained->record->accuracy))
        add_metadata(file, "apd.accuracy", "%.6f", trained->record->accuracy);
    add_metadata(file, "apd.commit", "%d", state->commit);
    add_metadata(file, "apd.config_digest", "%016" PRIx64, state->config_digest);
    add_metadata(file, "apd.data_digest", "%016" PRIx64, state->data_digest);
    if (angle < 0.0 || angle > 0.0)
        add_metadata(file, "apd.rotation_degrees", "%.9g", angle);
    free(numbers);
    free(names);
}

apd_status apd_export_onnx(const apd_trained *trained, bool raw, FILE *file, apd_error *error) {
    int64_t bytes = apd_network_layout(trained->network)->size * (int64_t)sizeof(float);
    if (bytes > MOST_BYTES)
        return apd_fail(error, APD_ERROR_USAGE,
                        "--onnx: the network has %" PRId64 " bytes; ONNX files hold 2 GiB; use --npz", bytes);
    if (raw && trained->file->is_float)
        return apd_fail(error, APD_ERROR_USAGE,
                        "--raw: %s was trained on float32 images, which are taken as they are",
                        trained->file->path);
    apd_text graph, set;
    apd_wire_number(file, MODEL_IR, IR_VERSION);
    apd_wire_text(file, MODEL_PRODUCER, "apd");
    apd_wire_text(file, MODEL_PRODUCER_VERSION, APD_VERSION);
    apd_wire_text(file, MODEL_DOC, trained->record->name);
    apd_text_begin(&graph, "an ONNX graph");
    write_graph(trained, raw, graph.file);
    apd_wire_message(file, MODEL_GRAPH, &graph);
    apd_text_begin(&set, "an ONNX operator set");
    apd_wire_text(set.file, 1, "");
    apd_wire_number(set.file, 2, OPERATOR_SET);
    apd_wire_message(file, MODEL_OPSET, &set);
    write_metadata(trained, file);
    return APD_OK;
}
