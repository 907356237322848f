/* Every run of a study described, checked and named. */
#include "base/text.h"
#include "study/study.h"

#include "base/digest.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE = 28, WORDS = 120, FOLDER = WORDS + 10 };

/* --- names ----------------------------------------------------------------------------------------------- */

/* The word for a key: its last part, or its section where that is "name" or another key ends alike. */
static const char *key_word(const apd_study *study, int key, size_t *length) {
    const char *whole = study->keys[key], *dot = strchr(whole, '.');
    *length = strlen(whole);
    if (dot == NULL)
        return whole;
    if (strcmp(dot + 1, "name") == 0) {
        *length = (size_t)(dot - whole);
        return whole;
    }
    for (int k = 0; k < study->key_count; k++) {
        const char *other = strchr(study->keys[k], '.');
        if (k != key && strcmp(other != NULL ? other + 1 : study->keys[k], dot + 1) == 0)
            return whole;
    }
    *length -= (size_t)(dot + 1 - whole);
    return dot + 1;
}

/* A value with what shells and file systems take as it stands; other characters become one "_". */
static void plain_value(const char *value, char *text, size_t room) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-";
    size_t used = 0;
    for (; *value != '\0' && used + 1 < room; value++)
        if (strchr(plain, *value) != NULL)
            text[used++] = *value;
        else if (used > 0 && text[used - 1] != '_')
            text[used++] = '_';
    while (used > 0 && text[used - 1] == '_')
        used--;
    text[used] = '\0';
}

void apd_study_words(const apd_study *study, const apd_study_run *run, char *text, size_t room) {
    size_t used = 0;
    text[0] = '\0';
    for (int k = 0; k < study->key_count && used + 1 < room; k++) {
        char value[VALUE];
        size_t length = 0;
        const char *word = key_word(study, k, &length);
        if (run->values[k] == NULL)
            continue;
        plain_value(run->values[k], value, sizeof value);
        int wrote =
            snprintf(text + used, room - used, "%s%.*s=%s", used > 0 ? "," : "", (int)length, word, value);
        used = used + (size_t)wrote < room ? used + (size_t)wrote : room - 1;
    }
    if (used == 0)
        (void)snprintf(text, room, "base");
}

/* --- descriptions ---------------------------------------------------------------------------------------- */

/* A complaint about a value that this file gives, "--set KEY=VALUE: ...", names the file and the line instead. */
static apd_status blame(const apd_study *study, const apd_study_run *run, char *const *settings,
                        apd_status status, const apd_error *found, apd_error *error) {
    char words[WORDS];
    apd_study_words(study, run, words, sizeof words);
    const char *text = found->message;
    for (int k = 0; strncmp(text, "--set ", 6) == 0 && k < study->key_count; k++) {
        size_t length = settings[k] != NULL ? strlen(settings[k]) : 0;
        if (length == 0 || strncmp(text + 6, settings[k], length) != 0 || text[6 + length] != ':')
            continue;
        text += 6 + length + 2;
        if (run->lines[k] > 0)
            return apd_fail(error, status, "%s:%d: %s (run %s)", study->path, run->lines[k], text, words);
        return apd_fail(error, status, "--vary %s: %s (run %s)", study->keys[k], text, words);
    }
    return apd_fail(error, status, "%s (run %s)", text, words);
}

/* --- ranks and repeats ------------------------------------------------------------------------------------- */

static bool is_timing(const char *key) {
    return strcmp(key, "ranks") == 0 || strcmp(key, "repeat") == 0;
}

int apd_study_axis(const apd_study *study, const apd_study_run *run, const char *key) {
    for (int k = 0; k < study->key_count; k++)
        if (strcmp(study->keys[k], key) == 0 && run->values[k] != NULL)
            return (int)strtol(run->values[k], NULL, 10);
    return 0;
}

int apd_study_most_ranks(const apd_study *study) {
    int most = 0;
    for (int r = 0; r < study->run_count; r++) {
        int ranks = apd_study_axis(study, &study->runs[r], "ranks");
        most = ranks > most ? ranks : most;
    }
    return most;
}

bool apd_study_varies(const apd_study *study, const char *key) {
    for (int k = 0; k < study->key_count; k++)
        if (strcmp(study->keys[k], key) == 0)
            return study->varied[k];
    return false;
}

/* What a description needs to be one of the study's on so many ranks. */
static apd_status check_ranks(const apd_study *study, const apd_study_run *run,
                              const apd_description *description, apd_error *error) {
    char words[WORDS];
    apd_study_words(study, run, words, sizeof words);
    if (study->shards > 0 && description->shards == 0)
        return apd_fail(error, APD_ERROR_USAGE, "%s: shards of a study's run has to be a number (run %s)",
                        study->path, words);
    if (study->shards > 0 && run->ranks > description->shards)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: %d ranks, but %d shards: use at most as many ranks (run %s)", study->path,
                        run->ranks, description->shards, words);
    return APD_OK;
}

/* --- descriptions of runs ------------------------------------------------------------------------------------ */

static char *setting_text(const char *key, const char *value) {
    char *text = NULL;
    if (asprintf(&text, "%s=%s", key, value) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for a setting");
    return text;
}

/* "KEY="FOLDER/NAME"", or "KEY="NAME"" without a folder, as a double-quoted scalar of YAML. */
static char *quoted_setting(const char *key, const char *folder, const char *name) {
    const char *const parts[] = {folder, *folder != '\0' ? "/" : "", name};
    apd_text text;
    apd_text_begin(&text, "a setting");
    (void)fprintf(text.file, "%s=\"", key);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++)
        for (const char *c = parts[p]; *c != '\0'; c++)
            (void)fprintf(text.file, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    (void)fputc('"', text.file);
    return apd_text_end(&text);
}

/* Build the run's description with these settings in the order --set, values, the study's own. */
static apd_status build(const apd_study *study, const apd_study_run *run, const char *folder,
                        apd_description **out, apd_error *error) {
    enum { OWN = 3 };
    const int most = study->setting_count + APD_STUDY_KEYS + OWN;
    const char **settings = apd_allocate(most, sizeof *settings, "a run's settings");
    char *values[APD_STUDY_KEYS + OWN] = {0};
    char shards[16];
    int count = study->setting_count;
    apd_error found = {0};
    for (int i = 0; i < count; i++)
        settings[i] = study->settings[i];
    (void)snprintf(shards, sizeof shards, "%d", study->shards);
    bool sharded = false;
    for (int k = 0; k < study->key_count; k++)
        if (run->values[k] != NULL && !is_timing(study->keys[k])) {
            values[k] = setting_text(study->keys[k], run->values[k]);
            sharded = sharded || strcmp(study->keys[k], "shards") == 0;
        }
    if (study->shards > 0 && !sharded)
        values[study->key_count] = setting_text("shards", shards);
    values[study->key_count + 1] = quoted_setting("output", study->output, folder);
    values[study->key_count + 2] = quoted_setting("name", "", folder);
    for (int k = 0; k < study->key_count + OWN; k++)
        if (values[k] != NULL)
            settings[count++] = values[k];
    apd_status status = apd_description_build(study->base_path, study->base, settings, count, out, &found);
    if (status != APD_OK)
        status = blame(study, run, values, status, &found, error);
    for (int k = 0; k < study->key_count + OWN; k++)
        free(values[k]);
    free((void *)settings);
    return status;
}

apd_status apd_study_base_shards(const apd_study *study, int *shards, apd_error *error) {
    apd_description *description = NULL;
    APD_TRY(build(study, &study->runs[0], "run", &description, error));
    *shards = description->shards;
    apd_description_destroy(description);
    return APD_OK;
}

apd_status apd_study_describe(const apd_study *study, apd_study_run *run, const char *folder,
                              apd_error *error) {
    apd_description *description = NULL;
    char *name = apd_duplicate_text(folder);
    apd_status status = build(study, run, name, &description, error);
    run->ranks = apd_study_axis(study, run, "ranks");
    run->repeat = apd_study_axis(study, run, "repeat");
    if (status == APD_OK)
        status = check_ranks(study, run, description, error);
    if (status == APD_OK) {
        free(run->text);
        free(run->folder);
        run->digest = run->identity = apd_description_digest(description);
        if (run->ranks > 0 || run->repeat > 0)
            run->identity =
                apd_digest_join(apd_digest_join(run->digest, (uint64_t)run->ranks), (uint64_t)run->repeat);
        run->text = apd_description_write(description);
        run->folder = name;
    } else {
        free(name);
    }
    apd_description_destroy(description);
    return status;
}

static int by_digest(const void *a, const void *b) {
    const apd_study_place *x = a, *y = b;
    if (x->digest != y->digest)
        return x->digest < y->digest ? -1 : 1;
    if (x->identity != y->identity)
        return x->identity < y->identity ? -1 : 1;
    return x->run - y->run;
}

apd_study_place *apd_study_by_digest(const apd_study *study) {
    apd_study_place *places = apd_allocate(study->run_count, sizeof *places, "the runs by digest");
    for (int r = 0; r < study->run_count; r++)
        places[r] = (apd_study_place){study->runs[r].digest, study->runs[r].identity, r};
    qsort(places, (size_t)study->run_count, sizeof *places, by_digest);
    return places;
}

const apd_study_place *apd_study_find(const apd_study_place *places, int count, uint64_t digest) {
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (places[middle].digest < digest)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && places[low].digest == digest ? &places[low] : NULL;
}

static apd_status refuse_equal(const apd_study *study, apd_error *error) {
    apd_study_place *places = apd_study_by_digest(study);
    apd_status status = APD_OK;
    int first = -1, again = -1; /* in the order of the study's runs */
    for (int r = 1; r < study->run_count; r++)
        if (places[r].identity == places[r - 1].identity && (first < 0 || places[r - 1].run < first)) {
            first = places[r - 1].run;
            again = places[r].run;
        }
    if (first >= 0) {
        char words[2][WORDS];
        apd_study_words(study, &study->runs[first], words[0], WORDS);
        apd_study_words(study, &study->runs[again], words[1], WORDS);
        status = apd_fail(error, APD_ERROR_USAGE, "%s: runs %d (%s) and %d (%s) are the same; leave one out",
                          study->path, first + 1, words[0], again + 1, words[1]);
    }
    free(places);
    return status;
}

apd_status apd_study_expand(apd_study *study, apd_error *error) {
    for (int r = 0; r < study->run_count; r++) {
        apd_study_run *run = &study->runs[r];
        char words[WORDS], folder[FOLDER];
        APD_TRY(apd_study_describe(study, run, "run", error)); /* the digest needs no name */
        apd_study_words(study, run, words, sizeof words);
        (void)snprintf(folder, sizeof folder, "%s-%08" PRIx32, words,
                       (uint32_t)(run->identity ^ run->identity >> 32));
        APD_TRY(apd_study_describe(study, run, folder, error));
    }
    return refuse_equal(study, error);
}
