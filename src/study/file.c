/* The study file and --vary as a list of runs, each a choice of values. */
#include "study/study.h"

#include "base/memory.h"
#include "io/description/options.h"
#include "io/system/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Values that are chosen together: one key of matrix, or all of zip. */
typedef struct axis {
    int keys[APD_STUDY_KEYS];
    int key_count;
    const char **values; /* (rows, key_count) */
    int *lines;          /* (rows, key_count) */
    int rows;
} axis;

typedef struct reader {
    apd_study *study;
    apd_place place;
    axis axes[APD_STUDY_KEYS + 1];
    int axis_count;
} reader;

/* --- values ---------------------------------------------------------------------------------------------- */

static const char *keep_text(apd_study *study, char *text) {
    study->pool = apd_reallocate(study->pool, study->pool_count, (int64_t)study->pool_count + 1,
                                 sizeof *study->pool, "the study's values");
    study->pool[study->pool_count++] = text;
    return text;
}

/* The key's place in study->keys, where it is added if it is new. */
static apd_status find_key(const reader *in, const char *key, int line, int *at) {
    static const char *const own[] = {"name", "output"};
    apd_study *study = in->study;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(key, own[i]) == 0)
            return apd_place_fail(&in->place, line, "%s cannot vary: a study names its runs' folders", key);
    for (*at = 0; *at < study->key_count; ++*at)
        if (strcmp(study->keys[*at], key) == 0)
            return APD_OK;
    if (study->key_count == APD_STUDY_KEYS)
        return apd_place_fail(&in->place, line, "more than %d keys vary", APD_STUDY_KEYS);
    study->keys[study->key_count++] = key;
    return APD_OK;
}

/* The key's own name, if it varies what results do not depend on; else NULL. */
static const char *timing_key(const char *key) {
    static const char *const keys[] = {"ranks", "repeat"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return keys[i];
    return NULL;
}

/* A whole number from 1 on. */
static apd_status read_count(const reader *in, const char *key, const apd_yaml_node *node, char **text) {
    char *end = NULL;
    long count = node->kind == APD_YAML_TEXT ? strtol(node->text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || count < 1 || count > 65536)
        return apd_place_fail(&in->place, node->line, "%s: %.60s is no whole number from 1 to 65536", key,
                              node->kind == APD_YAML_TEXT ? node->text : "a list");
    if (asprintf(text, "%ld", count) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for a value");
    return APD_OK;
}

static apd_status read_value(const reader *in, const char *key, int line, const apd_yaml_node *node, int *at,
                             const char **value) {
    char *text = NULL;
    int option = 0;
    if (timing_key(key) != NULL) {
        APD_TRY(read_count(in, key, node, &text));
        *value = keep_text(in->study, text);
        return find_key(in, timing_key(key), line, at);
    }
    APD_TRY(apd_description_value(&in->place, key, node, line, &option, &text));
    *value = keep_text(in->study, text);
    return find_key(in, apd_options[option].key, line, at);
}

/* One key and its values as a column of `to`, which has as many rows or none yet. */
static apd_status read_column(const reader *in, const char *key, int line, const apd_yaml_node *list,
                              axis *to) {
    if (list->kind != APD_YAML_LIST || list->count == 0)
        return apd_place_fail(&in->place, line, "%s has no list of values, such as [0, 1, 2]", key);
    if (to->key_count > 0 && list->count != to->rows)
        return apd_place_fail(&in->place, line,
                              "zip: %s has %d values and %s has %d; lists of one length are needed", key,
                              list->count, in->study->keys[to->keys[0]], to->rows);
    if (to->key_count == 0) {
        to->rows = list->count;
        to->values = apd_allocate((int64_t)to->rows * APD_STUDY_KEYS, sizeof *to->values, "an axis");
        to->lines = apd_allocate((int64_t)to->rows * APD_STUDY_KEYS, sizeof *to->lines, "an axis");
    }
    if (to->key_count == APD_STUDY_KEYS)
        return apd_place_fail(&in->place, line, "more than %d keys vary", APD_STUDY_KEYS);
    int column = to->key_count++;
    for (int r = 0; r < list->count; r++) {
        int cell = r * APD_STUDY_KEYS + column;
        to->lines[cell] = line > 0 ? list->items[r].line : 0;
        APD_TRY(read_value(in, key, line, &list->items[r], &to->keys[column], &to->values[cell]));
    }
    return APD_OK;
}

/* --- axes ------------------------------------------------------------------------------------------------ */

/* Refuse a key that two axes vary. */
static apd_status mark_varied(const reader *in, const axis *added, int line) {
    for (int k = 0; k < added->key_count; k++) {
        bool *varied = &in->study->varied[added->keys[k]];
        if (*varied)
            return apd_place_fail(&in->place, line, "%s varies twice", in->study->keys[added->keys[k]]);
        *varied = true;
    }
    return APD_OK;
}

static apd_status need_map(const reader *in, const char *name, const apd_yaml_node *node) {
    if (node->kind == APD_YAML_MAP)
        return APD_OK;
    return apd_place_fail(&in->place, node->line, "%s is no map of keys, such as {seed: [0, 1, 2]}", name);
}

static apd_status read_matrix(reader *in, const apd_yaml_node *matrix) {
    if (matrix == NULL)
        return APD_OK;
    APD_TRY(need_map(in, "matrix", matrix));
    for (int k = 0; k < matrix->count; k++) {
        const apd_yaml_node *key = &matrix->items[2 * k];
        if (in->axis_count == APD_STUDY_KEYS)
            return apd_place_fail(&in->place, key->line, "more than %d keys vary", APD_STUDY_KEYS);
        axis *to = &in->axes[in->axis_count++];
        APD_TRY(read_column(in, key->text, key->line, key + 1, to));
        APD_TRY(mark_varied(in, to, key->line));
    }
    return APD_OK;
}

static apd_status read_zip(reader *in, const apd_yaml_node *zip) {
    if (zip == NULL)
        return APD_OK;
    APD_TRY(need_map(in, "zip", zip));
    axis *to = &in->axes[in->axis_count++];
    for (int k = 0; k < zip->count; k++)
        APD_TRY(read_column(in, zip->items[2 * k].text, zip->items[2 * k].line, &zip->items[2 * k + 1], to));
    return mark_varied(in, to, zip->line);
}

/* Nodes of a command line have no lines. */
static void clear_lines(apd_yaml_node *node) {
    int nodes = node->kind == APD_YAML_MAP ? 2 * node->count : node->count;
    node->line = 0;
    for (int i = 0; i < nodes; i++)
        clear_lines(&node->items[i]);
}

/* KEY=VALUE,VALUE,...: an axis, in place of the matrix's for this key. */
static apd_status read_vary(reader *in, const char *vary) {
    char where[240], key[100], *list = NULL;
    const char *equals = strchr(vary, '='), *space = strstr(vary, ", ");
    apd_place before = in->place;
    apd_yaml_node root = {0};
    size_t length = strlen(vary);
    (void)snprintf(where, sizeof where, "--vary %s", vary);
    in->place.file = where;
    apd_status status = APD_OK;
    if (equals == NULL || equals == vary || equals[1] == '\0')
        APD_GO(apd_place_fail(&in->place, 0, "KEY=VALUE,VALUE,... is needed, such as seed=0,1,2"));
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - vary), vary);
    if (space != NULL || vary[length - 1] == ',')
        APD_GO(apd_place_fail(&in->place, 0,
                              "%s: a comma is followed by %s; write %s=VALUE,VALUE without spaces", key,
                              space != NULL ? "a space" : "nothing", key));
    if (asprintf(&list, "[%s]", equals + 1) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for --vary");
    APD_GO(apd_yaml_parse(&in->place, list, (int64_t)strlen(list), &root));
    clear_lines(&root);
    axis *to = NULL;
    for (int a = 0; a < in->axis_count; a++)
        if (in->axes[a].key_count == 1 && strcmp(in->study->keys[in->axes[a].keys[0]], key) == 0)
            to = &in->axes[a];
    if (to != NULL) {
        in->study->varied[to->keys[0]] = false;
        free((void *)to->values);
        free(to->lines);
        *to = (axis){0};
    } else if (in->axis_count > APD_STUDY_KEYS) {
        APD_GO(apd_place_fail(&in->place, 0, "more than %d keys vary", APD_STUDY_KEYS));
    } else {
        to = &in->axes[in->axis_count++];
    }
    APD_GO(read_column(in, key, 0, &root, to));
    status = mark_varied(in, to, 0);
out:
    apd_yaml_clear(&root);
    free(list);
    in->place = before;
    return status;
}

/* --- combinations ---------------------------------------------------------------------------------------- */

static apd_study_run *add_run(apd_study *study) {
    int count = study->run_count, room = count == 0 ? 16 : 2 * count;
    if (count == 0 || (count >= 16 && (count & (count - 1)) == 0))
        study->runs = apd_reallocate(study->runs, count, room, sizeof *study->runs, "the study's runs");
    return &study->runs[study->run_count++];
}

/* Every choice of a row of each axis; the last axis changes fastest. */
static apd_status multiply(const reader *in) {
    double count = 1.0;
    for (int a = 0; a < in->axis_count; a++)
        count *= in->axes[a].rows;
    if (count > APD_STUDY_RUNS)
        return apd_place_fail(&in->place, 0, "%.0f combinations; at most %d runs are possible", count,
                              APD_STUDY_RUNS);
    for (int i = 0; i < (int)count; i++) {
        apd_study_run *run = add_run(in->study);
        *run = (apd_study_run){.original = true};
        int left = i;
        for (int a = in->axis_count - 1; a >= 0; a--) {
            const axis *from = &in->axes[a];
            int row = left % from->rows;
            left /= from->rows;
            for (int k = 0; k < from->key_count; k++) {
                run->values[from->keys[k]] = from->values[row * APD_STUDY_KEYS + k];
                run->lines[from->keys[k]] = from->lines[row * APD_STUDY_KEYS + k];
            }
        }
    }
    return APD_OK;
}

/* An entry of exclude or include, as the values of a run. */
static apd_status read_entry(const reader *in, const char *list, const apd_yaml_node *map,
                             apd_study_run *entry) {
    if (map->kind != APD_YAML_MAP || map->count == 0)
        return apd_place_fail(&in->place, map->line, "%s: an entry is no map such as {seed: 0}", list);
    for (int k = 0; k < map->count; k++) {
        const apd_yaml_node *key = &map->items[2 * k];
        const char *value = NULL;
        int at = 0;
        APD_TRY(read_value(in, key->text, key->line, key + 1, &at, &value));
        entry->values[at] = value;
        entry->lines[at] = key->line;
    }
    return APD_OK;
}

static apd_status need_list(const reader *in, const char *name, const apd_yaml_node *node) {
    if (node == NULL || node->kind == APD_YAML_LIST)
        return APD_OK;
    return apd_place_fail(&in->place, node->line, "%s is no list of maps, such as [{seed: 0}]", name);
}

static apd_status exclude(const reader *in, const apd_yaml_node *list) {
    apd_study *study = in->study;
    APD_TRY(need_list(in, "exclude", list));
    for (int e = 0; list != NULL && e < list->count; e++) {
        apd_study_run entry = {0};
        int kept = 0;
        APD_TRY(read_entry(in, "exclude", &list->items[e], &entry));
        for (int k = 0; k < study->key_count; k++)
            if (entry.values[k] != NULL && !study->varied[k])
                return apd_place_fail(&in->place, entry.lines[k],
                                      "exclude: %s varies neither in matrix nor in zip", study->keys[k]);
        for (int r = 0; r < study->run_count; r++) {
            bool matches = true;
            for (int k = 0; k < study->key_count; k++)
                matches = matches &&
                          (entry.values[k] == NULL || strcmp(entry.values[k], study->runs[r].values[k]) == 0);
            if (!matches)
                study->runs[kept++] = study->runs[r];
        }
        study->run_count = kept;
    }
    return APD_OK;
}

/* Whether the entry changes no value that matrix or zip gave the run. */
static bool fits(const apd_study *study, const apd_study_run *run, const apd_study_run *entry) {
    for (int k = 0; k < study->key_count; k++)
        if (entry->values[k] != NULL && study->varied[k] && strcmp(entry->values[k], run->values[k]) != 0)
            return false;
    return true;
}

static apd_status include(const reader *in, const apd_yaml_node *list) {
    apd_study *study = in->study;
    APD_TRY(need_list(in, "include", list));
    for (int e = 0; list != NULL && e < list->count; e++) {
        apd_study_run entry = {0};
        bool added = false;
        APD_TRY(read_entry(in, "include", &list->items[e], &entry));
        for (int r = 0; r < study->run_count; r++) {
            apd_study_run *run = &study->runs[r];
            if (!run->original || !fits(study, run, &entry))
                continue;
            added = true;
            for (int k = 0; k < study->key_count; k++)
                if (entry.values[k] != NULL) {
                    run->values[k] = entry.values[k];
                    run->lines[k] = entry.lines[k];
                }
        }
        if (!added && study->run_count == APD_STUDY_RUNS)
            return apd_place_fail(&in->place, list->line, "more than %d runs", APD_STUDY_RUNS);
        if (!added)
            *add_run(study) = entry;
    }
    return APD_OK;
}

/* --- the other keys -------------------------------------------------------------------------------------- */

static const char *const study_keys[] = {"name",    "output",  "base",   "matrix", "zip",
                                         "exclude", "include", "shards", "keep",   "launcher"};

static apd_status check_keys(const reader *in, const apd_yaml_node *root) {
    for (int k = 0; k < root->count; k++) {
        bool known = false;
        for (size_t i = 0; i < sizeof study_keys / sizeof study_keys[0]; i++)
            known = known || strcmp(root->items[2 * k].text, study_keys[i]) == 0;
        if (!known)
            return apd_place_fail(&in->place, root->items[2 * k].line,
                                  "%.100s is not a key of a study: name, output, base, matrix, zip, exclude, "
                                  "include, shards, keep, launcher; keys of all runs belong under base",
                                  root->items[2 * k].text);
    }
    return APD_OK;
}

static apd_status read_file(const apd_place *place, const char *path, apd_yaml_node *root) {
    char *text = NULL;
    int64_t bytes = 0;
    apd_error unread = {0};
    apd_status status = apd_read_file(path, APD_YAML_BYTES, &text, &bytes, &unread);
    if (status != APD_OK)
        return apd_fail(place->error, status == APD_ERROR_DATA ? APD_ERROR_USAGE : status, "%s",
                        unread.message);
    apd_place there = {path, NULL, place->error};
    status = apd_yaml_parse(&there, text, bytes, root);
    free(text);
    return status;
}

/* The base is a file beside the study file, or in the working directory, or stands in place. */
static apd_status read_base(reader *in, const apd_yaml_node *base) {
    apd_study *study = in->study;
    if (base == NULL)
        return apd_place_fail(&in->place, 0, "base is missing: a run description's file, or one in place");
    if (base->kind == APD_YAML_MAP) {
        study->base = base;
        study->base_path = apd_duplicate_text(study->path);
        return APD_OK;
    }
    if (base->kind != APD_YAML_TEXT || apd_yaml_is_empty(base))
        return apd_place_fail(&in->place, base->line, "base is neither a file's name nor a map of keys");
    const char *slash = strrchr(study->path, '/');
    if (asprintf(&study->base_path, "%.*s%s", slash != NULL ? (int)(slash - study->path + 1) : 0, study->path,
                 base->text) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for a path");
    if (base->text[0] == '/' || access(study->base_path, F_OK) != 0) {
        free(study->base_path);
        study->base_path = apd_duplicate_text(base->text);
    }
    study->base = &study->base_root;
    if (access(study->base_path, F_OK) != 0)
        return apd_place_fail(&in->place, base->line, "base: there is no file %s, beside this one or here",
                              base->text);
    return read_file(&in->place, study->base_path, &study->base_root);
}

static apd_status read_text(const reader *in, const apd_yaml_node *node, const char *key, char **text) {
    if (node == NULL)
        return APD_OK;
    if (node->kind != APD_YAML_TEXT || apd_yaml_is_empty(node))
        return apd_place_fail(&in->place, node->line, "%s is no text", key);
    free(*text);
    *text = apd_duplicate_text(node->text);
    return APD_OK;
}

static apd_status read_keep(const reader *in, const apd_yaml_node *node) {
    static const char *const names[] = {"all", "last", "results"};
    for (int i = 0; node != NULL && i < 3; i++)
        if (node->kind == APD_YAML_TEXT && strcmp(node->text, names[i]) == 0) {
            in->study->keep = (apd_keep)i;
            return APD_OK;
        }
    return node == NULL ? APD_OK
                        : apd_place_fail(&in->place, node->line, "keep is none of all, last and results");
}

static apd_status read_shards(const reader *in, const apd_yaml_node *node) {
    char *text = NULL;
    int option = 0;
    if (node == NULL)
        return APD_OK;
    APD_TRY(apd_description_value(&in->place, "shards", node, node->line, &option, &text));
    in->study->shards = (int)strtol(text, NULL, 10); /* auto: 0 */
    free(text);
    return APD_OK;
}

/* The name is the file's without .yaml, unless it is given; the folder follows from it. */
static apd_status read_names(const reader *in, const apd_yaml_node *root) {
    apd_study *study = in->study;
    const char *slash = strrchr(study->path, '/');
    study->name = apd_duplicate_text(slash != NULL ? slash + 1 : study->path);
    char *ending = strrchr(study->name, '.');
    if (ending != NULL && ending != study->name)
        *ending = '\0';
    study->launcher = apd_duplicate_text("");
    if (root != NULL) {
        APD_TRY(read_text(in, apd_yaml_value(root, "name"), "name", &study->name));
        APD_TRY(read_text(in, apd_yaml_value(root, "output"), "output", &study->output));
        APD_TRY(read_text(in, apd_yaml_value(root, "launcher"), "launcher", &study->launcher));
    }
    if (study->output == NULL && strchr(study->name, '/') != NULL)
        return apd_place_fail(&in->place, 0, "name: %s cannot name a folder; give output", study->name);
    if (study->output == NULL && asprintf(&study->output, "studies/%s", study->name) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for a path");
    return APD_OK;
}

/* Whether the file is a study's; else it is a run description. */
static bool is_study(const apd_yaml_node *root) {
    return apd_yaml_value(root, "base") != NULL || apd_yaml_value(root, "matrix") != NULL ||
           apd_yaml_value(root, "zip") != NULL || apd_yaml_value(root, "include") != NULL;
}

static apd_status read_axes(reader *in, const char *const *vary, int count) {
    const apd_yaml_node *root = is_study(&in->study->root) ? &in->study->root : NULL;
    APD_TRY(read_names(in, root));
    if (root != NULL) {
        APD_TRY(check_keys(in, root));
        APD_TRY(read_keep(in, apd_yaml_value(root, "keep")));
        APD_TRY(read_shards(in, apd_yaml_value(root, "shards")));
        APD_TRY(read_base(in, apd_yaml_value(root, "base")));
        APD_TRY(read_matrix(in, apd_yaml_value(root, "matrix")));
        APD_TRY(read_zip(in, apd_yaml_value(root, "zip")));
    } else {
        in->study->base = &in->study->root;
        in->study->base_path = apd_duplicate_text(in->study->path);
    }
    for (int i = 0; i < count; i++)
        APD_TRY(read_vary(in, vary[i]));
    if (in->axis_count > 0 || root == NULL || apd_yaml_value(root, "include") == NULL)
        APD_TRY(multiply(in));
    if (root != NULL) {
        APD_TRY(exclude(in, apd_yaml_value(root, "exclude")));
        APD_TRY(include(in, apd_yaml_value(root, "include")));
    }
    if (in->study->run_count == 0)
        return apd_place_fail(&in->place, 0, "there is no run left: exclude leaves out all of them");
    return APD_OK;
}

apd_status apd_study_read(apd_study *study, const char *path, const char *const *vary, int count,
                          const char *const *settings, int setting_count, apd_error *error) {
    *study =
        (apd_study){.path = apd_duplicate_text(path), .settings = settings, .setting_count = setting_count};
    reader *in = apd_allocate(1, sizeof *in, "the study file");
    in->study = study;
    in->place = (apd_place){study->path, NULL, error};
    apd_status status = read_file(&in->place, path, &study->root);
    if (status == APD_OK)
        status = read_axes(in, vary, count);
    for (int a = 0; a < APD_STUDY_KEYS + 1; a++) {
        free((void *)in->axes[a].values);
        free(in->axes[a].lines);
    }
    free(in);
    return status;
}

void apd_study_clear(apd_study *study) {
    for (int r = 0; r < study->run_count; r++) {
        free(study->runs[r].folder);
        free(study->runs[r].text);
    }
    for (int i = 0; i < study->pool_count; i++)
        free(study->pool[i]);
    free(study->pool);
    free(study->runs);
    apd_yaml_clear(&study->root);
    apd_yaml_clear(&study->base_root);
    free(study->base_path);
    free(study->path);
    free(study->name);
    free(study->output);
    free(study->launcher);
    *study = (apd_study){0};
}
