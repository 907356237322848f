#include "study/folder.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/checkpoint/commits.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/holder.h"
#include "io/system/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const apd_run_kind_names[] = {"waiting", "running", "done",     "stopped",
                                          "died",    "failed",  "set apart"};

char *apd_study_run_folder(const apd_study *study, int run) {
    return apd_join_path(study->output, study->runs[run].folder);
}

/* --- one run ---------------------------------------------------------------------------------------------- */

/* Whether run.lock names processes that may live. */
static bool may_be_held(const char *folder) {
    char *text = apd_read_text(folder, "run.lock");
    apd_holder holder;
    apd_process self;
    apd_process_self(&self);
    const apd_holder here = {.ranks = &self, .count = 1};
    bool held = text != NULL && apd_holder_parse(text, &holder);
    if (held) {
        held = !holder.left && !apd_holder_is_dead(&holder, &here);
        apd_holder_clear(&holder);
    }
    free(text);
    return held;
}

apd_run_kind apd_run_look(const char *folder, apd_standing *standing) {
    static const struct {
        const char *state;
        apd_run_kind kind;
    } ends[] = {{"done", APD_RUN_DONE}, {"stopped", APD_RUN_STOPPED}, {"failed", APD_RUN_FAILED}};
    apd_standing own;
    if (standing == NULL)
        standing = &own;
    apd_standing_read(folder, standing);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(standing->state, ends[i].state) == 0)
            return ends[i].kind;
    if (strcmp(standing->state, "running") != 0)
        return APD_RUN_WAITING;
    if (may_be_held(folder))
        return APD_RUN_RUNNING;
    return standing->starts >= 2 ? APD_RUN_APART : APD_RUN_DIED;
}

apd_status apd_study_retry(const apd_study *study, apd_error *error) {
    apd_status status = APD_OK;
    for (int r = 0; r < study->run_count && status == APD_OK; r++) {
        char *folder = apd_study_run_folder(study, r), *path = apd_join_path(folder, "status.json");
        apd_run_kind kind = apd_run_look(folder, NULL);
        if (kind == APD_RUN_FAILED || kind == APD_RUN_APART)
            status = apd_file_delete(path, error);
        free(path);
        free(folder);
    }
    return status;
}

apd_status apd_study_tidy(const apd_study *study, const char *folder, apd_error *error) {
    char *path = apd_join_path(folder, "checkpoint.h5");
    apd_status status = APD_OK;
    if (study->keep == APD_KEEP_RESULTS) /* status.json, which is safe by now, says that the run is done */
        status = apd_checkpoint_remove(path, error);
    else if (study->keep == APD_KEEP_LAST)
        status = apd_checkpoint_remove_previous(path, error);
    free(path);
    return status;
}

/* --- all runs --------------------------------------------------------------------------------------------- */

static apd_run_kind look(const apd_study *study, int run) {
    char *folder = apd_study_run_folder(study, run);
    apd_run_kind kind = apd_run_look(folder, NULL);
    free(folder);
    return kind;
}

void apd_study_count(const apd_study *study, int counts[APD_RUN_KINDS]) {
    memset(counts, 0, APD_RUN_KINDS * sizeof *counts);
    for (int r = 0; r < study->run_count; r++)
        counts[look(study, r)]++;
}

int apd_study_next(const apd_study *study, int first, bool running, bool *tried) {
    for (int round = 0; round < (running ? 2 : 1); round++)
        for (int k = 0; k < study->run_count; k++) {
            int r = (k + first) % study->run_count;
            apd_run_kind kind = tried[r] ? APD_RUN_DONE : look(study, r);
            if (kind == APD_RUN_WAITING || kind == APD_RUN_STOPPED || kind == APD_RUN_DIED ||
                (kind == APD_RUN_RUNNING && round == 1)) {
                tried[r] = true;
                return r;
            }
        }
    return -1;
}

/* --- study.json ------------------------------------------------------------------------------------------- */

static apd_status write_study(const apd_study *study, apd_error *error) {
    apd_text text;
    apd_text_begin(&text, "study.json");
    apd_json json = {.file = text.file};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "name", study->name);
    apd_json_text(&json, "file", study->path);
    apd_json_integer(&json, "shards", study->shards);
    apd_json_begin_array(&json, "runs");
    for (int r = 0; r < study->run_count; r++)
        apd_json_text(&json, NULL, study->runs[r].folder);
    apd_json_end(&json);
    apd_json_end(&json);
    (void)apd_text_end(&text);
    char *before = apd_read_text(study->output, "study.json");
    apd_status status = APD_OK;
    if (before == NULL || strcmp(before, text.text) != 0)
        status = apd_write_file(study->output, "study.json", text.text, (int64_t)text.size, error);
    free(before);
    free(text.text);
    return status;
}

bool apd_study_list(const char *folder, char ***runs, int *count) {
    char *text = apd_read_text(folder, "study.json");
    char *at = text != NULL ? strstr(text, "\"runs\":") : NULL;
    *runs = NULL;
    *count = 0;
    if (at != NULL) {
        at += strlen("\"runs\":");
        for (char *end; (at = strchr(at, '"')) != NULL && (end = strchr(at + 1, '"')) != NULL; at = end + 1) {
            *end = '\0';
            *runs = apd_reallocate(*runs, *count, (int64_t)*count + 1, sizeof **runs, "the study's runs");
            (*runs)[(*count)++] = apd_join_path(folder, at + 1);
        }
    }
    free(text);
    return at != NULL || *count > 0;
}

/* --- runs that were begun --------------------------------------------------------------------------------- */

/* Find the run with the fewest differences from `former`; `*first` is the first of these. */
static void find_nearest(const apd_study *study, const apd_description *former,
                         apd_description_difference *first) {
    int least = 1000;
    for (int r = 0; r < study->run_count; r++) {
        const char *ignored[64] = {NULL};
        int count = 0;
        apd_description *now = NULL;
        apd_description_difference difference, found = {0};
        if (apd_description_parse("run.yaml", study->runs[r].text, (int64_t)strlen(study->runs[r].text), NULL,
                                  0, &now, NULL) != APD_OK)
            continue;
        while (count < 62 && count < least && apd_description_differs(now, former, ignored, &difference)) {
            if (count == 0)
                found = difference;
            ignored[count++] = difference.key;
        }
        if (count < least) {
            least = count;
            *first = found;
        }
        apd_description_destroy(now);
    }
}

/* A run that is no longer the study's: refused once it has something to lose. */
static apd_status refuse_stray(const apd_study *study, const char *folder, const apd_description *former,
                               apd_error *error) {
    apd_description_difference difference = {.key = "?"};
    char *commit = apd_join_path(folder, "checkpoint.h5");
    bool begun = access(commit, F_OK) == 0 || apd_run_look(folder, NULL) == APD_RUN_DONE;
    free(commit);
    if (!begun)
        return APD_OK;
    find_nearest(study, former, &difference);
    if (difference.key == NULL)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: no run of the study names the ranks or the repeat of %s any more; put them back, "
            "choose another output, or delete that folder",
            study->path, folder);
    return apd_fail(
        error, APD_ERROR_USAGE,
        "%s: %s is %s now and was %s in %s, which would belong to no run of the study any more; put it "
        "back, choose another output, or delete that folder",
        study->path, difference.key, difference.first, difference.second, folder);
}

/* The run of `places` with the description's digest whose folder has this name, or had it in a smaller study. */
static apd_study_run *find_run(const apd_study *study, const apd_study_place *places, uint64_t digest,
                               const char *name) {
    const apd_study_place *found = apd_study_find(places, study->run_count, digest);
    const char *dash = strrchr(name, '-');
    uint32_t ending = dash != NULL ? (uint32_t)strtoul(dash + 1, NULL, 16) : 0;
    for (; found != NULL && found < places + study->run_count && found->digest == digest; found++) {
        apd_study_run *run = &study->runs[found->run];
        if ((run->ranks == 0 && run->repeat == 0) ||
            ending == (uint32_t)(run->identity ^ run->identity >> 32))
            return run;
    }
    return NULL;
}

static apd_status match_folder(apd_study *study, const apd_study_place *places, const char *name,
                               apd_error *error) {
    char *folder = apd_join_path(study->output, name), *text = apd_read_text(folder, "run.yaml");
    apd_description *former = NULL;
    apd_status status = APD_OK;
    if (text != NULL &&
        apd_description_parse(folder, text, (int64_t)strlen(text), NULL, 0, &former, NULL) == APD_OK) {
        apd_study_run *found = find_run(study, places, apd_description_digest(former), name);
        if (found == NULL)
            status = refuse_stray(study, folder, former, error);
        else if (strcmp(found->folder, name) != 0)
            status = apd_study_describe(study, found, name, error);
    }
    apd_description_destroy(former);
    free(text);
    free(folder);
    return status;
}

static apd_status match_folders(apd_study *study, apd_error *error) {
    apd_file_names names = {0};
    APD_TRY(apd_folder_list(study->output, &names, error));
    apd_study_place *places = apd_study_by_digest(study);
    apd_status status = APD_OK;
    for (int i = 0; i < names.count && status == APD_OK; i++)
        status = match_folder(study, places, names.items[i], error);
    free(places);
    apd_file_names_clear(&names);
    return status;
}

/* --- the start -------------------------------------------------------------------------------------------- */

static apd_status fix_shards(apd_study *study, int ranks, apd_error *error) {
    char *text = apd_read_text(study->output, "study.json");
    int former = text != NULL ? apd_json_find_whole(text, "shards") : 0;
    free(text);
    if (study->shards == 0)
        APD_TRY(apd_study_base_shards(study, &study->shards, error));
    if (former > 0 && study->shards > 0 && study->shards != former)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: shards is %d now and was %d when the study started in %s; put it back, or choose "
            "another output",
            study->path, study->shards, former, study->output);
    study->shards = former > 0 ? former : study->shards > 0 ? study->shards : ranks;
    if (ranks > study->shards && !apd_study_varies(study, "shards"))
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: %d ranks a run, but the study has %d shards: use at most as many ranks",
                        study->path, ranks, study->shards);
    return APD_OK;
}

apd_status apd_study_settle(apd_study *study, int ranks, bool writes, apd_error *error) {
    const int named = apd_study_most_ranks(study);
    APD_TRY(fix_shards(study, named > 0 ? named : ranks, error));
    APD_TRY(apd_study_expand(study, error));
    APD_TRY(match_folders(study, error));
    if (!writes)
        return APD_OK;
    APD_TRY(apd_make_folder(study->output, error));
    return write_study(study, error);
}
