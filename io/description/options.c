#include "io/description/options.h"

#include "io/description/layers.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(apd_description, field)

static const char *const normalisations[] = {"dataset", "task", "unit", NULL};
static const char *const stream_kinds[] = {"split", "list", "superclass", "permutation", "rotation", NULL};
static const char *const turn_counts[] = {"1", "2", "4", NULL};
static const char *const preset_names[] = {"lenet", "lenet-large", "mlp", "custom", NULL};
static const char *const methods[] = {"apd", "stl", NULL};
static const char *const solvers[] = {"exact", "joint", NULL};
static const char *const recentres[] = {"count", "median", "none", NULL};
static const char *const merges[] = {"plain", "saving", NULL};
static const char *const starts[] = {"centroids", "spectral", NULL};
static const char *const grams[] = {"auto", "replicated", "distributed", NULL};
static const char *const former_grams[] = {"auto", "direct", "scalapack", NULL};
static const char *const schedules[] = {"constant", "exponential", "cosine", NULL};

/* clang-format off: a row a key */
const apd_option apd_options[] = {
    {"name", APD_KIND_NAME, AT(name), .help = "the run's name; default: the file's name without .yaml"},
    {"output", APD_KIND_TEXT, AT(output), .help = "the run's folder; default: runs/NAME"},
    {"seed", APD_KIND_SEED, AT(seed), .initial = "0", .counts = true,
     .help = "the seed of everything random"},
    {"shards", APD_KIND_WHOLE, AT(shards), .minimum = 1, .maximum = 65536, .word = "auto", .initial = "auto",
     .counts = true, .help = "logical shards of a batch; auto: the ranks of the first launch"},
    {"blas_threads", APD_KIND_WHOLE, AT(blas_threads), .minimum = 1, .maximum = 1024, .initial = "1",
     .counts = true, .help = "threads of OpenBLAS in a rank (consolidation); bits depend on them"},

    {"data.file", APD_KIND_TEXT, AT(data.file), .help = "an HDF5 data file (required)"},
    {"data.normalise", APD_KIND_CHOICE, AT(data.normalise), .names = normalisations, .initial = "dataset",
     .counts = true, .help = "mean and deviation of the data set or of each task; unit: divide by 255 only"},
    {"data.validation", APD_KIND_REAL, AT(data.validation), .maximum = 1, .below = true, .initial = "0",
     .counts = true, .help = "share of the training images held out"},
    {"data.flip", APD_KIND_SWITCH, AT(data.flip), .initial = "false", .counts = true,
     .help = "augmentation: mirror left-right with probability 1/2"},
    {"data.shift", APD_KIND_WHOLE, AT(data.shift), .maximum = 64, .initial = "0", .counts = true,
     .help = "augmentation: random crop after padding by so many pixels"},

    {"stream.kind", APD_KIND_CHOICE, AT(stream.kind), .names = stream_kinds, .initial = "split",
     .counts = true, .help = "how tasks are cut from the data"},
    {"stream.tasks", APD_KIND_WHOLE, AT(stream.tasks), .maximum = 1e6, .initial = "0", .counts = true,
     .help = "number of tasks; 0: all that the data gives; permutation and rotation need it"},
    {"stream.classes_per_task", APD_KIND_WHOLE, AT(stream.classes_per_task), .maximum = 1e6, .initial = "0",
     .counts = true, .help = "split: classes a task (required there)"},
    {"stream.classes", APD_KIND_CLASSES, AT(stream.classes), .maximum = INT_MAX, .initial = "[]",
     .counts = true, .help = "list: each task's classes, such as [[0, 1], [2, 3]]"},
    {"stream.class_seed", APD_KIND_LONG, AT(stream.class_seed), .minimum = -1, .initial = "-1",
     .counts = true, .help = "split: shuffle the classes by this seed first; -1: in order"},
    {"stream.turns", APD_KIND_WHOLE, AT(stream.turns), .minimum = 1, .maximum = 4, .names = turn_counts,
     .initial = "1", .counts = true, .help = "each image also turned by 90 degrees, inside its class"},
    {"stream.rotation_step", APD_KIND_REAL, AT(stream.rotation_step), .minimum = -360, .maximum = 360,
     .initial = "5", .counts = true, .help = "rotation: degrees from one task to the next"},
    {"stream.order", APD_KIND_ORDER, AT(stream.order), .maximum = INT_MAX, .initial = "A", .counts = true,
     .help = "A: as described; B to E: the published orders of 10 or 20 tasks"},

    {"stream.forget", APD_KIND_NUMBERS, AT(stream.forget), .count_offset = AT(stream.forget_count),
     .maximum = INT_MAX, .initial = "[]", .counts = true,
     .help = "pairs: a task's id, and after how many finished tasks it is forgotten for good"},

    {"network.preset", APD_KIND_TEXT, AT(network.preset), .names = preset_names, .initial = "lenet",
     .help = "a network by name; custom: network.layers"},
    {"network.widths", APD_KIND_NUMBERS, AT(network.widths), .count_offset = AT(network.width_count),
     .minimum = 1, .maximum = 1e6, .initial = "[256, 256]", .help = "mlp: units of the hidden layers"},
    {"network.lrn", APD_KIND_SWITCH, AT(network.lrn), .initial = "false",
     .help = "lenet presets: local response normalisation after each convolution's ReLU"},
    {"network.layers", APD_KIND_LAYERS, AT(network.layers), .initial = "[]", .counts = true,
     .help = "custom: relu, {dense: {units: 800}}, {conv: {units: 20, kernel: 5}}, ..."},

    {"method.name", APD_KIND_CHOICE, AT(method.name), .names = methods, .initial = "apd", .counts = true,
     .help = "apd: the decomposition; stl: one network a task"},
    {"method.solver", APD_KIND_CHOICE, AT(method.solver), .names = solvers, .initial = "exact",
     .counts = true, .help = "exact: proximal steps; joint: the paper's scheme"},
    {"method.lambda1", APD_KIND_REAL, AT(method.lambda1), .maximum = DBL_MAX, .initial = "0.001",
     .counts = true, .help = "weight of |tau|: sparsity"},
    {"method.lambda2", APD_KIND_REAL, AT(method.lambda2), .above = true, .maximum = INFINITY,
     .initial = "inf", .counts = true,
     .help = "weight of the old tasks' drift; inf: none at all (exact only)"},
    {"method.mask_init", APD_KIND_REAL, AT(method.mask_init), .above = true, .maximum = 1, .below = true,
     .initial = "0.5", .counts = true, .help = "the masks' start"},
    {"method.recentre", APD_KIND_CHOICE, AT(method.recentre), .names = recentres, .initial = "count",
     .counts = true, .help = "how sigma is moved without a change to any theta"},
    {"method.recentre_every", APD_KIND_WHOLE, AT(method.recentre_every), .maximum = 1e6, .initial = "0",
     .counts = true, .help = "re-centre also after every this many tasks; 0: after the first only"},
    {"method.consolidate_every", APD_KIND_WHOLE, AT(method.consolidate_every), .maximum = 1e6, .initial = "0",
     .counts = true, .help = "tasks from one hierarchical consolidation to the next; 0: none"},
    {"method.clusters_added", APD_KIND_WHOLE, AT(method.clusters_added), .minimum = 1, .maximum = 1e6,
     .initial = "2", .counts = true, .help = "clusters a consolidation adds to those of the last"},
    {"method.beta", APD_KIND_REAL, AT(method.beta), .maximum = DBL_MAX, .initial = "0.01", .counts = true,
     .help = "a cluster's members agree on a weight when they lie this near each other"},
    {"method.merge", APD_KIND_CHOICE, AT(method.merge), .names = merges, .initial = "saving", .counts = true,
     .help = "plain: merge all agreeing weights; saving: those where it saves a non-zero"},
    {"method.cluster_start", APD_KIND_CHOICE, AT(method.cluster_start), .names = starts,
     .initial = "centroids", .counts = true,
     .help = "K-means starts from the last centroids, or from the principal components"},
    {"method.gram", APD_KIND_CHOICE, AT(method.gram), .names = grams, .initial = "auto",
     .former_key = "method.cluster_road", .former_names = former_grams,
     .help = "the tasks' inner products: whole on each rank, or in parts (ScaLAPACK); same clusters"},
    {"method.polish_epochs", APD_KIND_WHOLE, AT(method.polish_epochs), .maximum = 99999, .initial = "6",
     .counts = true, .help = "exact: last epochs of a task, on tau's support alone; below training.epochs"},

    {"training.epochs", APD_KIND_WHOLE, AT(training.epochs), .minimum = 1, .maximum = 100000, .initial = "20",
     .counts = true, .help = "passes over a task's training images"},
    {"training.batch", APD_KIND_WHOLE, AT(training.batch), .minimum = 1, .maximum = 1e6, .initial = "100",
     .counts = true, .help = "images a step, over all shards; at least shards"},
    {"training.lr", APD_KIND_REAL, AT(training.lr), .above = true, .maximum = DBL_MAX, .initial = "0.001",
     .counts = true, .help = "learning rate at a task's start"},
    {"training.schedule", APD_KIND_CHOICE, AT(training.schedule), .names = schedules, .initial = "cosine",
     .counts = true, .help = "the learning rate over a task; cosine ends at 0"},
    {"training.decay", APD_KIND_REAL, AT(training.decay), .above = true, .maximum = 1, .initial = "0.95",
     .counts = true, .help = "exponential: factor an epoch"},
    {"training.weight_decay", APD_KIND_REAL, AT(training.weight_decay), .maximum = DBL_MAX, .initial = "0",
     .counts = true, .help = "L2 on theta"},
    {"training.keep_best", APD_KIND_WHOLE, AT(training.keep_best), .maximum = 100000, .initial = "0",
     .counts = true, .help = "keep the best of the last n epochs by validation accuracy; 0: the last epoch"},
    {"training.beta1", APD_KIND_REAL, AT(training.beta1), .maximum = 1, .below = true, .initial = "0.9",
     .counts = true, .help = "Adam: memory of the gradient"},
    {"training.beta2", APD_KIND_REAL, AT(training.beta2), .maximum = 1, .below = true, .initial = "0.999",
     .counts = true, .help = "Adam: memory of the squared gradient"},
    {"training.epsilon", APD_KIND_REAL, AT(training.epsilon), .above = true, .maximum = DBL_MAX,
     .initial = "1e-08", .counts = true, .help = "Adam: added to the root of the second moment"},

    {"log.interval", APD_KIND_WHOLE, AT(log.interval), .minimum = 1, .maximum = 1e9, .initial = "50",
     .help = "steps between lines of metrics.jsonl"},
    {"log.spectrum", APD_KIND_WHOLE, AT(log.spectrum), .maximum = 1e6, .initial = "500",
     .help = "up to so many tasks the eigenvalues of the tasks' inner products are logged"},
    {"log.stall_seconds", APD_KIND_REAL, AT(log.stall_seconds), .maximum = 1e6, .initial = "60",
     .help = "after so long a rank that keeps the others waiting is named on stderr; 0: never"},
    {"log.evaluate_batch", APD_KIND_WHOLE, AT(log.evaluate_batch), .minimum = 1, .maximum = 1e6,
     .initial = "250", .counts = true, .help = "images a pass in evaluation"},

    {"checkpoint.minutes", APD_KIND_REAL, AT(checkpoint.minutes), .maximum = 1e6, .initial = "15",
     .help = "minutes between commits while a task trains; 0: only when tasks end"},
    {"checkpoint.tasks", APD_KIND_WHOLE, AT(checkpoint.tasks), .minimum = 1, .maximum = 1e9, .initial = "1",
     .help = "tasks from commit to commit; 1: one after every task"}};
/* clang-format on */

const int apd_option_count = (int)(sizeof apd_options / sizeof *apd_options);

int apd_option_find(const char *key) {
    for (int i = 0; i < apd_option_count; i++)
        if (strcmp(apd_options[i].key, key) == 0 ||
            (apd_options[i].former_key != NULL && strcmp(apd_options[i].former_key, key) == 0))
            return i;
    return -1;
}

bool apd_option_is_section(const char *name) {
    size_t length = strlen(name);
    for (int i = 0; i < apd_option_count; i++)
        if (strncmp(apd_options[i].key, name, length) == 0 && apd_options[i].key[length] == '.')
            return true;
    return false;
}

/* --- the nearest key
 * ---------------------------------------------------------------------------------------- */

#define LONGEST_KEY 64

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[LONGEST_KEY + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[b_length];
}

/* From `key` to an option's key; a key written without its section, or with another, counts one. */
static size_t distance_to_option(const char *key, const char *known) {
    const char *last = strrchr(key, '.') != NULL ? strrchr(key, '.') + 1 : key;
    const char *known_last = strrchr(known, '.') != NULL ? strrchr(known, '.') + 1 : known;
    size_t whole = distance(key, strlen(key), known, strlen(known));
    size_t part = 1 + distance(last, strlen(last), known_last, strlen(known_last));
    return whole < part ? whole : part;
}

const char *apd_option_nearest(const char *key) {
    static const char *const sections[] = {"data",     "stream", "network",   "method",
                                           "training", "log",    "checkpoint"};
    size_t length = strlen(key);
    size_t best = 3 < 1 + length / 4 ? 3 : 1 + length / 4;
    const char *nearest = NULL;
    if (length > LONGEST_KEY)
        return NULL;
    for (int i = 0; i < apd_option_count; i++) {
        size_t here = distance_to_option(key, apd_options[i].key);
        if (here < best + (nearest == NULL ? 1 : 0)) {
            best = here;
            nearest = apd_options[i].key;
        }
    }
    for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
        size_t here = distance(key, length, sections[s], strlen(sections[s]));
        if (here < best + (nearest == NULL ? 1 : 0)) {
            best = here;
            nearest = sections[s];
        }
    }
    return nearest;
}

/* --- the key reference
 * -------------------------------------------------------------------------------------- */

void apd_description_help(FILE *file) {
    int widest_key = 0;
    int widest_need = 0;
    char need[160];
    for (int i = 0; i < apd_option_count; i++) {
        int key = (int)strlen(apd_options[i].key);
        apd_value_need(&apd_options[i], need, sizeof need);
        widest_key = key > widest_key ? key : widest_key;
        widest_need = (int)strlen(need) > widest_need ? (int)strlen(need) : widest_need;
    }
    (void)fprintf(file, "%-*s  %-*s  %-10s  %s\n", widest_key, "key", widest_need, "value", "default", "");
    for (int i = 0; i < apd_option_count; i++) {
        const apd_option *option = &apd_options[i];
        apd_value_need(option, need, sizeof need);
        (void)fprintf(file, "%-*s  %-*s  %-10s  %s\n", widest_key, option->key, widest_need, need,
                      option->initial != NULL ? option->initial : "-", option->help);
    }
    (void)fprintf(file, "\nlayers, in network.layers:\n");
    apd_layers_help(file);
}
