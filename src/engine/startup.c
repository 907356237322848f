#include "engine/startup.h"

#include "base/blas.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const cure = "use 'srun --mpi=pmix', or mpirun inside the job";

/* The copy that prints for all. */
static bool is_first_copy(void) {
    const char *place = getenv("SLURM_PROCID");
    return place == NULL || strcmp(place, "0") == 0;
}

int apd_startup_copies(void) {
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS"), *size = getenv("PMI_SIZE");
    bool launched = getenv("OMPI_COMM_WORLD_SIZE") != NULL || (size != NULL && strcmp(size, "1") == 0);
    int copies = tasks != NULL && !launched ? (int)strtol(tasks, NULL, 10) : 1;
    if (copies > 1 && is_first_copy() && getenv("PMIX_RANK") == NULL && getenv("PMI_RANK") == NULL)
        apd_warn("srun started %d copies without PMIx; if MPI fails now, %s", copies, cure);
    return copies;
}

static apd_status refuse_lone_copies(const apd_team *team, int copies, apd_error *error) {
    if (apd_team_size(team) > 1 || copies <= 1)
        return APD_OK;
    if (!is_first_copy())
        return APD_ERROR_USAGE;
    return apd_fail(error, APD_ERROR_USAGE, "srun started %d copies, but each is alone: %s", copies, cure);
}

enum { SHOWN = 256, PROGRAM_LIMIT = 1 << 30 };

/* What is compared between ranks: the digest, since a long text is cut. */
typedef struct card {
    uint64_t digest;
    char host[64];
    char text[SHOWN];
} card;

static apd_status same(const apd_team *team, const char *text, const char *what, const char *advice,
                       apd_error *error) {
    card mine = {.digest = apd_digest(text, strlen(text))};
    (void)gethostname(mine.host, sizeof mine.host - 1);
    (void)snprintf(mine.text, sizeof mine.text, "%s", text);
    card first = mine;
    apd_team_broadcast(team, &first, (int64_t)sizeof first);
    apd_status status = APD_OK;
    if (mine.digest != first.digest)
        status = apd_fail(error, APD_ERROR_USAGE, "%s: rank %d on %s: %s; rank 0 on %s: %s; %s", what,
                          apd_team_rank(team), mine.host, mine.text, first.host, first.text, advice);
    return apd_team_agree(team, status, error);
}

/* The digest of this program's file; 0 if it cannot be read. */
static uint64_t program_digest(void) {
    char *bytes = NULL;
    int64_t size = 0;
    if (apd_read_file("/proc/self/exe", PROGRAM_LIMIT, &bytes, &size, NULL) != APD_OK)
        return 0;
    uint64_t digest = apd_digest(bytes, (size_t)size);
    free(bytes);
    return digest;
}

apd_status apd_startup_check(const apd_team *team, int copies, apd_error *error) {
    char build[SHOWN];
    APD_TRY(refuse_lone_copies(team, copies, error));
    APD_TRY(same(
        team, apd_blas_core(), "the ranks run on different kinds of processors (OpenBLAS's kernels)",
        "results would depend on the ranks' places: use nodes of one kind, or set OPENBLAS_CORETYPE on all",
        error));
    const char *library = apd_team_library();
    (void)snprintf(build, sizeof build, "apd %s, %s, compiler %s, %.*s, file digest %016" PRIx64, APD_VERSION,
                   APD_BUILD_TYPE, __VERSION__, (int)strcspn(library, ","), library, program_digest());
    return same(team, build, "the ranks run different builds of apd",
                "start one and the same file, with the same libraries, on all nodes", error);
}

apd_status apd_startup_check_request(const apd_team *team, const char *path, const char *const *settings,
                                     int count, apd_error *error) {
    apd_text line;
    apd_text_begin(&line, "the command line");
    (void)fputs(path, line.file);
    for (int i = 0; i < count; i++)
        (void)fprintf(line.file, " --set %s", settings[i]);
    char *text = apd_text_end(&line);
    apd_status status =
        same(team, text, "the ranks were given different runs", "start all with one command", error);
    free(text);
    return status;
}
