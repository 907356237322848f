#include "io/description/options.h"

#include "io/description/description.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(apd_description, field)

static const char *const normalisations[] = {"dataset", "task", "unit", NULL};
static const char *const evaluations[] = {"test", "validation", NULL};
static const char *const layouts[] = {"planar", "scrambled", NULL};
static const char *const stream_kinds[] = {"split",    "list",    "superclass", "permutation",
                                           "rotation", "subsets", NULL};
static const char *const turn_counts[] = {"1", "2", "4", NULL};
static const char *const preset_names[] = {"lenet", "lenet-large", "mlp", "custom", NULL};
static const char *const recentres[] = {"count", "median", "none", NULL};
static const char *const storages[] = {"float32", "coded", NULL};
static const char *const ewcs[] = {"tasks", "online", NULL};
static const char *const merges[] = {"plain", "saving", NULL};
static const char *const starts[] = {"centroids", "spectral", NULL};
static const char *const grams[] = {"auto", "replicated", "distributed", NULL};
static const char *const former_grams[] = {"auto", "direct", "scalapack", NULL};
static const char *const schedules[] = {"constant", "exponential", "cosine", NULL};

/* One row for each key. */
/* clang-format off */
const apd_option apd_options[] = {
    {"name", APD_KIND_NAME, AT(name), .absent = "the file's name without .yaml",
     .help = "Name of the run."},
    {"output", APD_KIND_TEXT, AT(output), .absent = "runs/NAME",
     .help = "Folder that the run writes to."},
    {"seed", APD_KIND_SEED, AT(seed), .initial = "0", .counts = true,
     .help = "Seed of all random numbers."},
    {"init", APD_KIND_TEXT, AT(init), .initial = "random", .counts = true,
     .help = "Where sigma starts: random (by He's values), or with the sigma of a finished run, a folder or a checkpoint, that "
             "has the same layers; read once, before the first step."},
    {"shards", APD_KIND_WHOLE, AT(shards), .minimum = 1, .maximum = 65536, .word = "auto", .initial = "auto",
     .counts = true,
     .help = "Logical shards of a batch, which are also the most ranks that a run can use; auto takes the number of "
             "ranks of the first launch."},
    {"blas_threads", APD_KIND_WHOLE, AT(blas_threads), .minimum = 1, .maximum = 1024, .initial = "1",
     .counts = true,
     .help = "OpenBLAS threads of each rank during consolidation; the bits of the results depend on their number."},
    {"evaluate", APD_KIND_CHOICE, AT(evaluate), .names = evaluations, .initial = "test", .counts = true,
     .help = "Images that all accuracies are measured on: the test images, or those that data.validation holds out; "
             "with validation the test images are not opened, so that a search of settings cannot have seen them."},

    {"data.file", APD_KIND_TEXTS, AT(data.files), .count_offset = AT(data.file_count), .single = true,
     .help = "Path of the HDF5 data file, relative to the description's folder if the file exists there, otherwise "
             "to the working directory. A list of files with images of one shape is one data set, in which the classes of "
             "each file are numbered after those of the one before."},
    {"data.added", APD_KIND_TEXTS, AT(data.added), .count_offset = AT(data.added_count), .initial = "[]",
     .help = "Further data files, numbered on, of the tasks in stream.added; apd extend adds to it."},
    {"data.layout", APD_KIND_CHOICE, AT(data.layout), .names = layouts, .initial = "planar", .counts = true,
     .help = "planar takes images as the data file has them; scrambled takes their numbers, channel after channel, "
             "for pixel after pixel, as several published CIFAR-100 superclass results did "
             "(reshape([N, 32, 32, 3]) without a transpose), with data.normalise unit and data.validation 0.05."},
    {"data.normalise", APD_KIND_CHOICE, AT(data.normalise), .names = normalisations, .initial = "dataset",
     .counts = true,
     .help = "Normalise images by the mean and standard deviation of the data set's or of each task's training "
             "images; unit only scales bytes to 0..1. Of several data files the first one counts, so that adding one "
             "changes nothing."},
    {"data.validation", APD_KIND_REAL, AT(data.validation), .maximum = 1, .below = true, .initial = "0",
     .counts = true, .help = "Share of each class' training images that is held out for validation."},
    {"data.flip", APD_KIND_SWITCH, AT(data.flip), .initial = "false", .counts = true,
     .help = "Augmentation: mirror each training image left to right with probability 1/2."},
    {"data.shift", APD_KIND_WHOLE, AT(data.shift), .maximum = 64, .initial = "0", .counts = true,
     .help = "Augmentation: crop each training image at random after padding it by this many pixels."},

    {"stream.kind", APD_KIND_CHOICE, AT(stream.kind), .names = stream_kinds, .initial = "split",
     .counts = true,
     .help = "How tasks are cut from the data: split takes a number of classes a task, list those of "
             "stream.classes, superclass those with the same coarse label; subsets draws a number of classes for "
             "each task, so that classes return in other company; permutation and rotation give every task all "
             "classes, with permuted pixels or rotated images."},
    {"stream.tasks", APD_KIND_WHOLE, AT(stream.tasks), .maximum = 1e6, .initial = "0", .counts = true,
     .help = "Number of tasks; 0 takes all that the data gives (permutation, rotation and subsets need a number)."},
    {"stream.classes_per_task", APD_KIND_WHOLE, AT(stream.classes_per_task), .maximum = 1e6, .initial = "0",
     .counts = true, .help = "Classes of each task with stream.kind split or subsets, which need it."},
    {"stream.classes", APD_KIND_CLASSES, AT(stream.classes), .count_offset = AT(stream.class_lists),
     .sizes_offset = AT(stream.class_counts), .maximum = INT_MAX, .initial = "[]", .counts = true,
     .help = "Each task's classes with stream.kind list, such as [[0, 1], [2, 3]]."},
    {"stream.class_seed", APD_KIND_LONG, AT(stream.class_seed), .minimum = -1, .initial = "-1",
     .counts = true,
     .help = "Seed that shuffles the classes before stream.kind split, where -1 keeps their order, or draws those "
             "of stream.kind subsets, where -1 is 0: the tasks do not depend on the run's seed."},
    {"stream.turns", APD_KIND_WHOLE, AT(stream.turns), .minimum = 1, .maximum = 4, .names = turn_counts,
     .initial = "1", .counts = true,
     .help = "Every image is used at this many multiples of 90 degrees, always with its own label; 1 is upright "
             "only."},
    {"stream.rotation_step", APD_KIND_REAL, AT(stream.rotation_step), .minimum = -360, .maximum = 360,
     .initial = "5", .counts = true,
     .help = "Degrees from one task to the next with stream.kind rotation."},
    {"stream.keys", APD_KIND_SWITCH, AT(stream.keys), .initial = "false", .counts = true,
     .help = "Each task keeps in at most 768 bytes a class what its images look like, by which apd predict and apd evaluate "
             "--task auto guess the task of an image; images must be uint8."},
    {"stream.order", APD_KIND_ORDER, AT(stream.order), .maximum = INT_MAX, .initial = "A", .counts = true,
     .help = "Order of the tasks: A as described, B to E the published orders of 10 or 20 tasks, \"seed N\" a "
             "random one."},
    {"stream.added", APD_KIND_CLASSES, AT(stream.added), .count_offset = AT(stream.added_lists),
     .sizes_offset = AT(stream.added_counts), .maximum = INT_MAX, .initial = "[]", .counts = true,
     .help = "Each task's classes of tasks that follow those of stream.kind, in this order, as they are; the classes are "
             "those of data.file and data.added. It may grow, and apd extend adds to it."},
    {"stream.added_names", APD_KIND_TEXTS, AT(stream.added_names), .count_offset = AT(stream.added_name_count),
     .initial = "[]", .help = "The names of these tasks; without, they are named by their classes."},

    {"stream.forget", APD_KIND_NUMBERS, AT(stream.forget), .count_offset = AT(stream.forget_count),
     .maximum = INT_MAX, .initial = "[]", .counts = true,
     .help = "Pairs of a task's id and the number of finished tasks after which it is forgotten for good: [1, 3] "
             "forgets task 1 after three tasks."},

    {"network.preset", APD_KIND_TEXT, AT(network.preset), .names = preset_names, .initial = "lenet",
     .help = "Network by name, or custom for network.layers."},
    {"network.widths", APD_KIND_NUMBERS, AT(network.widths), .count_offset = AT(network.width_count),
     .minimum = 1, .maximum = 1e6, .initial = "[256, 256]",
     .help = "Units of the hidden layers of preset mlp."},
    {"network.lrn", APD_KIND_SWITCH, AT(network.lrn), .initial = "false",
     .help = "Local response normalisation after the ReLU of each convolution of the lenet presets."},
    {"network.layers", APD_KIND_LAYERS, AT(network.layers), .initial = "[]", .counts = true,
     .help = "Layers of a custom network, such as [conv: {units: 20, kernel: 5}, relu, dense: {units: 800}, relu]."},

    {"method.name", APD_KIND_METHOD, AT(method.row), .initial = "apd", .counts = true,
     .help = "The method; below it says which keys of this section each one reads. It ignores the others, so that one "
             "description serves a comparison of methods."},
    {"method.lambda1", APD_KIND_REAL, AT(method.lambda1), .maximum = DBL_MAX, .initial = "0.001",
     .counts = true, .help = "Weight of the l1 penalty on tau, which makes tau sparse."},
    {"method.lambda2", APD_KIND_REAL, AT(method.lambda2), .above = true, .maximum = INFINITY,
     .initial = "inf", .counts = true,
     .help = "Weight of the penalty on the drift of old tasks' parameters; inf allows no drift (not with apd-joint)."},
    {"method.mask_init", APD_KIND_REAL, AT(method.mask_init), .above = true, .maximum = 1, .below = true,
     .initial = "0.5", .counts = true, .help = "Initial value of the masks."},
    {"method.recentre", APD_KIND_CHOICE, AT(method.recentre), .names = recentres, .initial = "count",
     .counts = true,
     .help = "Where re-centring moves sigma under unchanged parameters of old tasks: to the fewest non-zeros of "
             "tau, to the least sum of |tau|, or nowhere."},
    {"method.recentre_every", APD_KIND_WHOLE, AT(method.recentre_every), .maximum = 1e6, .initial = "0",
     .counts = true,
     .help = "Re-centre also after every this many tasks; 0 does so after the first task only."},
    {"method.consolidate_every", APD_KIND_WHOLE, AT(method.consolidate_every), .maximum = 1e6, .initial = "0",
     .counts = true,
     .help = "Tasks from one hierarchical consolidation to the next; 0 never consolidates."},
    {"method.clusters_added", APD_KIND_WHOLE, AT(method.clusters_added), .minimum = 1, .maximum = 1e6,
     .initial = "2", .counts = true,
     .help = "Clusters that each consolidation has more than the last one."},
    {"method.beta", APD_KIND_REAL, AT(method.beta), .maximum = DBL_MAX, .initial = "0.01", .counts = true,
     .help = "Largest spread of a weight among a cluster's members at which they may share it."},
    {"method.merge", APD_KIND_CHOICE, AT(method.merge), .names = merges, .initial = "saving", .counts = true,
     .help = "plain merges all weights within beta; saving only those where it saves a non-zero."},
    {"method.cluster_start", APD_KIND_CHOICE, AT(method.cluster_start), .names = starts,
     .initial = "centroids", .counts = true,
     .help = "K-means starts from the last centroids, or from the principal components (spectral)."},
    {"method.gram", APD_KIND_CHOICE, AT(method.gram), .names = grams, .initial = "auto",
     .former_key = "method.cluster_road", .former_names = former_grams,
     .help = "Where the matrix of the tasks' inner products lies: on every rank, or distributed over the ranks by "
             "ScaLAPACK; the clusters are the same."},
    {"method.polish_epochs", APD_KIND_WHOLE, AT(method.polish_epochs), .maximum = 99999, .initial = "6",
     .counts = true,
     .help = "Last epochs of a task that train on tau's support alone, fewer than training.epochs; "
             "the default becomes 3/10 of training.epochs if those are 6 or fewer."},
    {"method.sigma_tasks", APD_KIND_WHOLE, AT(method.sigma_tasks), .minimum = 1, .maximum = 1000000,
     .initial = "1", .counts = true,
     .help = "How many tasks train sigma before it stays as it is. Finished tasks keep their theta: wherever sigma moves they get "
             "entries of tau, up to a whole network each; with method.storage coded, of method.tau_bits a weight."},
    {"method.budget", APD_KIND_REAL, AT(method.budget), .maximum = 1, .initial = "0", .counts = true,
     .help = "Most bytes of a task's tau, as a share of those of one dense float32 network: when polishing begins, the entries "
             "that matter least are dropped, with or without method.storage coded; 0 keeps what method.lambda1 leaves."},
    {"method.storage", APD_KIND_CHOICE, AT(method.storage), .names = storages, .initial = "float32",
     .counts = true,
     .help = "Numbers of a finished task: float32, or coded, which keeps sigma, masks, biases and heads in 16 bits "
             "and theta, where tau is not zero, in method.tau_bits; polishing trains on the rounded numbers."},
    {"method.tau_bits", APD_KIND_WHOLE, AT(method.tau_bits), .minimum = 3, .maximum = 16, .initial = "6",
     .counts = true,
     .help = "Bits of theta, where tau is not zero, with method.storage coded: integers times a power of two for "
             "each row."},
    {"method.sigma_bits", APD_KIND_WHOLE, AT(method.sigma_bits), .minimum = 3, .maximum = 16, .initial = "16",
     .counts = true,
     .help = "Bits of sigma with method.storage coded where sigma comes to rest (apd-fixed): 16, or fewer, as integers "
             "times a power of two for each row; with fewer, sigma is not re-centred."},
    {"method.l2t_strength", APD_KIND_REAL, AT(method.l2t_strength), .maximum = INFINITY, .initial = "0.01",
     .counts = true,
     .help = "Weight of the penalty on half the squared distance from the body as the task before left it; inf keeps the "
             "first task's."},
    {"method.ewc", APD_KIND_CHOICE, AT(method.ewc), .names = ewcs, .initial = "tasks", .counts = true,
     .help = "Where ewc pulls a weight to: to its values after each earlier task, each with that task's Fisher information, "
             "or (online) to its value after the last one, with the sum of all."},
    {"method.ewc_strength", APD_KIND_REAL, AT(method.ewc_strength), .maximum = 1e30, .initial = "1000",
     .counts = true, .help = "Weight of ewc's penalty; 0 is finetune."},
    {"method.ewc_decay", APD_KIND_REAL, AT(method.ewc_decay), .maximum = 1, .initial = "1", .counts = true,
     .help = "Factor of earlier tasks' Fisher informations with every new task; 1 keeps them."},
    {"method.ewc_images", APD_KIND_WHOLE, AT(method.ewc_images), .maximum = 1e9, .initial = "0", .counts = true,
     .help = "Training images, over all shards, from which a task's Fisher information is computed; 0 takes all."},
    {"method.packnet_prune", APD_KIND_REAL, AT(method.packnet_prune), .maximum = 1, .below = true,
     .initial = "0.75", .counts = true,
     .help = "Share of the weights that are still free which packnet prunes after a task, row by row: what later tasks get."},
    {"method.wsn_density", APD_KIND_REAL, AT(method.wsn_density), .above = true, .maximum = 1,
     .initial = "0.5", .counts = true, .help = "Share of each row's weights that a task of wsn uses."},

    {"training.epochs", APD_KIND_WHOLE, AT(training.epochs), .minimum = 1, .maximum = 100000, .initial = "20",
     .counts = true, .help = "Passes over each task's training images."},
    {"training.batch", APD_KIND_WHOLE, AT(training.batch), .minimum = 1, .maximum = 1e6, .initial = "100",
     .counts = true, .help = "Images of a step over all shards; at least one for each shard."},
    {"training.lr", APD_KIND_REAL, AT(training.lr), .above = true, .maximum = DBL_MAX, .initial = "0.001",
     .counts = true, .help = "Learning rate at the start of a task."},
    {"training.warmup", APD_KIND_REAL, AT(training.warmup), .maximum = 1, .initial = "0.1", .once = "0",
     .counts = true,
     .help = "Share of a task's steps over which the learning rate rises from near 0 to what the schedule says; 0 "
             "starts with all of it, at which large layers may lose their units for good."},
    {"training.schedule", APD_KIND_CHOICE, AT(training.schedule), .names = schedules, .initial = "cosine",
     .counts = true,
     .help = "Learning rate over a task: constant, falling by training.decay each epoch, or along a cosine to 0."},
    {"training.decay", APD_KIND_REAL, AT(training.decay), .above = true, .maximum = 1, .initial = "0.95",
     .counts = true,
     .help = "Factor of the learning rate per epoch with training.schedule exponential."},
    {"training.weight_decay", APD_KIND_REAL, AT(training.weight_decay), .maximum = DBL_MAX, .initial = "0",
     .counts = true, .help = "Factor of theta that is added to its gradient (L2 penalty)."},
    {"training.label_smoothing", APD_KIND_REAL, AT(training.label_smoothing), .maximum = 1, .below = true,
     .initial = "0", .counts = true,
     .help = "Share of each training target that is spread over all classes; 0 trains on the labels alone."},
    {"training.teachers", APD_KIND_TEXTS, AT(training.teachers), .count_offset = AT(training.teacher_count),
     .initial = "[]", .counts = true,
     .help = "Distillation: finished runs of the same tasks (folders or checkpoints, such as those of method stl), whose networks "
             "of a task say what its training images are, together with the labels."},
    {"training.distillation", APD_KIND_REAL, AT(training.distillation), .maximum = 1, .initial = "0.5",
     .counts = true,
     .help = "Share of each training target that is the mean of the teachers' probabilities; the label has the rest."},
    {"training.temperature", APD_KIND_REAL, AT(training.temperature), .above = true, .maximum = 1000,
     .initial = "2", .counts = true,
     .help = "The teachers' logits are divided by this number before the softmax; above 1 it makes them less sure."},
    {"training.keep_best", APD_KIND_WHOLE, AT(training.keep_best), .maximum = 100000, .initial = "0",
     .counts = true,
     .help = "Keep the parameters of the best validation accuracy of this many last epochs; 0 keeps those of the "
             "last epoch."},
    {"training.beta1", APD_KIND_REAL, AT(training.beta1), .maximum = 1, .below = true, .initial = "0.9",
     .counts = true, .help = "Adam's decay rate of the mean of the gradient."},
    {"training.beta2", APD_KIND_REAL, AT(training.beta2), .maximum = 1, .below = true, .initial = "0.999",
     .counts = true, .help = "Adam's decay rate of the mean of the squared gradient."},
    {"training.epsilon", APD_KIND_REAL, AT(training.epsilon), .above = true, .maximum = DBL_MAX,
     .initial = "1e-08", .counts = true,
     .help = "Constant that Adam adds to the root of the second moment."},

    {"log.interval", APD_KIND_WHOLE, AT(log.interval), .minimum = 1, .maximum = 1e9, .initial = "50",
     .help = "Steps between lines of metrics.jsonl."},
    {"log.spectrum", APD_KIND_WHOLE, AT(log.spectrum), .maximum = 1e6, .initial = "500",
     .help = "Most tasks for which the eigenvalues of their inner products are logged."},
    {"log.stall_seconds", APD_KIND_REAL, AT(log.stall_seconds), .maximum = 1e6, .initial = "60",
     .help = "Seconds after which a rank that keeps the others waiting is named on stderr; 0 never names one."},
    {"log.evaluate_batch", APD_KIND_WHOLE, AT(log.evaluate_batch), .minimum = 1, .maximum = 1e6,
     .initial = "250", .counts = true, .help = "Images of a forward pass in evaluation."},
    {"log.tensorboard", APD_KIND_SWITCH, AT(log.tensorboard), .initial = "false",
     .help = "Write event files for TensorBoard to the folder tensorboard in the run's."},

    {"checkpoint.minutes", APD_KIND_REAL, AT(checkpoint.minutes), .maximum = 1e6, .initial = "15",
     .help = "Minutes between commits while a task trains; 0 commits only when tasks end."},
    {"checkpoint.tasks", APD_KIND_WHOLE, AT(checkpoint.tasks), .minimum = 1, .maximum = 1e9, .initial = "1",
     .help = "Finished tasks from one commit to the next."}};

const apd_section apd_sections[] = {{"", "The run"},
                                    {"data", "The data set"},
                                    {"stream", "The stream of tasks"},
                                    {"network", "The network"},
                                    {"method", "The method"},
                                    {"training", "Training"},
                                    {"log", "Logs and evaluation"},
                                    {"checkpoint", "Checkpoints"}};
/* clang-format on */

const int apd_option_count = (int)(sizeof apd_options / sizeof *apd_options);
const int apd_section_count = (int)(sizeof apd_sections / sizeof *apd_sections);

int apd_option_find(const char *key) {
    for (int i = 0; i < apd_option_count; i++)
        if (strcmp(apd_options[i].key, key) == 0 ||
            (apd_options[i].former_key != NULL && strcmp(apd_options[i].former_key, key) == 0))
            return i;
    return -1;
}

bool apd_option_retired(const char *key, const char *value, const char **advice) {
    if (strcmp(key, "method.solver") != 0)
        return false;
    *advice = strcmp(value, "exact") == 0   ? NULL
              : strcmp(value, "joint") == 0 ? "use method.name: apd-joint"
                                            : "leave it out; method.name says all";
    return true;
}

bool apd_option_is_in(const apd_option *option, const char *section) {
    const char *dot = strchr(option->key, '.');
    size_t length = dot != NULL ? (size_t)(dot - option->key) : 0;
    return strlen(section) == length && strncmp(option->key, section, length) == 0;
}

bool apd_option_is_section(const char *name) {
    for (int s = 1; s < apd_section_count; s++)
        if (strcmp(apd_sections[s].name, name) == 0)
            return true;
    return false;
}

/* --- the nearest key ----------------------------------------------------------------------------------- */

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

/* The distance of `key` from an option's key; a missing or another section counts one. */
static size_t distance_to_option(const char *key, const char *known) {
    const char *last = strrchr(key, '.') != NULL ? strrchr(key, '.') + 1 : key;
    const char *known_last = strrchr(known, '.') != NULL ? strrchr(known, '.') + 1 : known;
    size_t whole = distance(key, strlen(key), known, strlen(known));
    size_t part = 1 + distance(last, strlen(last), known_last, strlen(known_last));
    return whole < part ? whole : part;
}

const char *apd_option_nearest(const char *key) {
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
    for (int s = 1; s < apd_section_count; s++) {
        const char *name = apd_sections[s].name;
        size_t here = distance(key, length, name, strlen(name));
        if (here < best + (nearest == NULL ? 1 : 0)) {
            best = here;
            nearest = name;
        }
    }
    return nearest;
}
