/* A run's lock: by the kernel, by numbered files where fcntl or link refuse, taken over, broken, unreadable. Two openings
 * in one process hold locks of their own, as two jobs do. */
#include "io/system/holder.h"
#include "io/system/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static apd_process self;

/* --- what the system answers; 0: as it does ----------------------------------------------------------------- */

static int fcntl_refusal, link_refusal;
static enum { HONEST, LOST_ANSWER, LIE, OVERTAKEN } link_manner;

int __real_fcntl(int file, int command, void *argument);
int __wrap_fcntl(int file, int command, void *argument);
int __wrap_fcntl(int file, int command, void *argument) {
    if (fcntl_refusal != 0 && command == F_OFD_SETLK) {
        errno = fcntl_refusal;
        return -1;
    }
    return __real_fcntl(file, command, argument);
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to) {
    if (link_refusal != 0) {
        errno = link_refusal;
        return -1;
    }
    if (link_manner == LIE)
        return 0;
    int result = __real_link(from, to);
    if (link_manner == LOST_ANSWER) { /* the server did it twice: the second answer came */
        errno = EEXIST;
        return -1;
    }
    if (link_manner == OVERTAKEN)
        put("run.lock.900", "a slow starter's\n");
    return result;
}

static int set_up(void **state) {
    fcntl_refusal = link_refusal = 0;
    link_manner = HONEST;
    (void)unsetenv("SLURM_JOB_ID");
    (void)unsetenv("SLURM_ARRAY_JOB_ID");
    (void)unsetenv("SLURM_ARRAY_TASK_ID");
    (void)unsetenv("SLURM_CLUSTER_NAME");
    (void)unsetenv("SLURM_RESTART_COUNT");
    apd_process_self(&self);
    return make_folder(state);
}

static int tear_down(void **state) {
    (void)state;
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL;)
        (void)remove(in_folder(entry->d_name));
    if (opened != NULL)
        (void)closedir(opened);
    return rmdir(folder);
}

/* --- helpers ------------------------------------------------------------------------------------------------ */

static apd_lock *opened(void) {
    apd_lock *lock = NULL;
    apd_error error = {0};
    if (apd_lock_open(folder, &self, 1, false, &lock, &error) != APD_OK)
        fail_msg("%s", error.message);
    return lock;
}

static apd_lock *broken(void) {
    apd_lock *lock = NULL;
    apd_error error = {0};
    if (apd_lock_open(folder, &self, 1, true, &lock, &error) != APD_OK)
        fail_msg("%s", error.message);
    return lock;
}

static void assert_refused(apd_status status, const char *text) {
    apd_lock *lock = NULL;
    apd_error error = {0};
    assert_int_equal(apd_lock_open(folder, &self, 1, false, &lock, &error), status);
    assert_null(lock);
    assert_memory_equal(error.message, folder, strlen(folder));
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, error.message);
}

static void assert_good(const apd_lock *lock) {
    apd_error error = {0};
    if (apd_lock_check(lock, &error) != APD_OK)
        fail_msg("%s", error.message);
}

static void assert_lost(const apd_lock *lock, const char *text) {
    apd_error error = {0};
    assert_int_equal(apd_lock_check(lock, &error), APD_ERROR_LOCKED);
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, error.message);
}

static bool exists(const char *name) {
    return access(in_folder(name), F_OK) == 0;
}

/* Whether the file begins so. */
static bool begins(const char *name, const char *text) {
    char found[64] = "";
    FILE *file = fopen(in_folder(name), "r");
    bool same = file != NULL && fread(found, 1, sizeof found - 1, file) > 0 &&
                strncmp(found, text, strlen(text)) == 0;
    if (file != NULL)
        (void)fclose(file);
    return same;
}

/* The text of a holder whose processes are `ranks`. */
static void put_holder(const char *name, const apd_process *ranks, int64_t count) {
    apd_holder holder;
    int64_t bytes;
    apd_holder_make(&holder, ranks, count);
    char *text = apd_holder_write(&holder, &bytes);
    put(name, text);
    free(text);
    apd_holder_clear(&holder);
}

/* A process that has just ended. */
static apd_process dead_process(void) {
    apd_process dead = self;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    dead.pid = child;
    return dead;
}

/* --- processes ---------------------------------------------------------------------------------------------- */

static void process_that_lives_is_not_dead(void **state) {
    (void)state;
    apd_process parent = self, init = self;
    assert_false(apd_process_is_dead(&self, &self));
    assert_true(self.start > 0);
    parent.pid = getppid();
    parent.start = 0; /* unknown */
    assert_false(apd_process_is_dead(&parent, &self));
    init.pid = 1;
    init.start = 0;
    assert_false(apd_process_is_dead(&init, &self));
}

static void process_that_ended_or_lost_its_number_is_dead(void **state) {
    (void)state;
    apd_process ended = dead_process(), reused = self, zombie = self;
    assert_true(apd_process_is_dead(&ended, &self));
    reused.start--;
    assert_true(apd_process_is_dead(&reused, &self));
    zombie.pid = fork();
    if (zombie.pid == 0)
        _exit(0);
    zombie.start = 0;
    siginfo_t facts;
    assert_int_equal(waitid(P_PID, (id_t)zombie.pid, &facts, WEXITED | WNOWAIT), 0);
    assert_true(apd_process_is_dead(&zombie, &self));
    assert_int_equal(waitpid((pid_t)zombie.pid, NULL, 0), zombie.pid);
}

static void process_of_another_machine_boot_or_container_is_not_judged(void **state) {
    (void)state;
    apd_process host = dead_process(), boot = host, space = host;
    (void)snprintf(host.host, sizeof host.host, "elsewhere");
    (void)snprintf(boot.boot, sizeof boot.boot, "another-boot");
    (void)snprintf(space.space, sizeof space.space, "pid:[1]");
    assert_false(apd_process_is_dead(&host, &self));
    assert_false(apd_process_is_dead(&boot, &self));
    assert_false(apd_process_is_dead(&space, &self));
}

/* --- texts -------------------------------------------------------------------------------------------------- */

static void holder_text_is_read_back_and_any_cut_is_seen(void **state) {
    (void)state;
    apd_process ranks[3] = {self, self, self};
    apd_holder holder, read;
    int64_t bytes;
    (void)setenv("SLURM_JOB_ID", "77", 1);
    (void)setenv("SLURM_CLUSTER_NAME", "alps", 1);
    (void)setenv("SLURM_RESTART_COUNT", "3", 1);
    ranks[1].pid = 4;
    (void)snprintf(ranks[2].host, sizeof ranks[2].host, "node2");
    apd_holder_make(&holder, ranks, 3);
    char *text = apd_holder_write(&holder, &bytes);
    assert_memory_equal(text + APD_HOLDER_WORD, "held", APD_HOLDER_WORD_BYTES);
    assert_true(apd_holder_parse(text, &read));
    assert_false(read.left);
    assert_int_equal(read.count, 3);
    assert_memory_equal(read.ranks, ranks, sizeof ranks);
    assert_string_equal(read.token, holder.token);
    assert_string_equal(read.job, "alps/77");
    assert_int_equal(read.restart, 3);
    apd_holder_clear(&read);
    for (int64_t cut = 0; cut < bytes; cut++) {
        char *part = strndup(text, (size_t)cut);
        assert_false(apd_holder_parse(part, &read));
        free(part);
    }
    free(text);
    apd_holder_clear(&holder);
}

static void holder_of_an_array_names_the_array_and_its_index(void **state) {
    (void)state;
    apd_holder holder;
    char text[256];
    (void)setenv("SLURM_JOB_ID", "80", 1);
    (void)setenv("SLURM_ARRAY_JOB_ID", "77", 1);
    (void)setenv("SLURM_ARRAY_TASK_ID", "5", 1);
    apd_holder_make(&holder, &self, 1);
    assert_string_equal(holder.job, "/77_5");
    assert_int_equal(holder.restart, 0);
    apd_holder_describe(&holder, text, sizeof text);
    assert_non_null(strstr(text, "(Slurm job 77_5, since 2"));
    apd_holder_clear(&holder);
}

/* --- the kernel's lock -------------------------------------------------------------------------------------- */

static void second_opening_is_refused_and_names_the_holder(void **state) {
    (void)state;
    char who[128];
    apd_lock *lock = opened();
    (void)snprintf(who, sizeof who, "another job writes this run: process %lld on %s (since 2",
                   (long long)self.pid, self.host);
    assert_refused(APD_ERROR_LOCKED, who);
    assert_good(lock);
    assert_false(exists("run.lock.1"));
    apd_lock_close(lock);
    assert_true(begins("run.lock", "apd lock left\n"));
    apd_lock_close(opened());
}

/* The kernel decides: the text of a holder elsewhere, or garbage, does not matter once nobody has the lock. */
static void death_frees_the_run_whatever_the_text_says(void **state) {
    (void)state;
    apd_process other = self;
    (void)snprintf(other.host, sizeof other.host, "elsewhere");
    put_holder("run.lock", &other, 1);
    apd_lock_close(opened());
    put("run.lock", "garbage");
    apd_lock_close(opened());
}

static void rank_that_lives_on_keeps_the_run(void **state) {
    (void)state;
    apd_error error = {0};
    apd_lock *lock = NULL, *rank = NULL;
    apd_process dead = dead_process();
    assert_int_equal(apd_lock_open(folder, &dead, 1, false, &lock, &error), APD_OK);
    assert_int_equal(apd_lock_join(folder, apd_lock_token_of(lock), &rank, &error), APD_OK);
    assert_non_null(rank);
    char text[APD_LOCK_TOKEN];
    (void)snprintf(text, sizeof text, "%s", apd_lock_token_of(lock));
    apd_lock_close(lock); /* signs off: as if dead, the text is put back */
    put_holder("run.lock", &dead, 1);
    assert_refused(APD_ERROR_LOCKED, "that process has ended, but another one of its job lives on");
    apd_lock_close(rank);
    apd_lock_close(opened());
}

static void join_without_that_lock_gets_none(void **state) {
    (void)state;
    apd_error error = {0};
    apd_lock *rank = NULL;
    assert_int_equal(apd_lock_join(folder, "0123456789abcdef", &rank, &error), APD_OK);
    assert_null(rank);
    apd_lock *lock = opened();
    assert_int_equal(apd_lock_join(folder, "0123456789abcdef", &rank, &error), APD_OK);
    assert_null(rank);
    assert_int_equal(apd_lock_join(in_folder("none"), apd_lock_token_of(lock), &rank, &error), APD_OK);
    assert_null(rank);
    fcntl_refusal = ENOLCK; /* on that node alone */
    assert_int_equal(apd_lock_join(folder, apd_lock_token_of(lock), &rank, &error), APD_OK);
    assert_null(rank);
    apd_lock_close(lock);
}

static void broken_lock_is_noticed_by_the_former_holder(void **state) {
    (void)state;
    apd_lock *former = opened();
    apd_lock *next = broken();
    assert_lost(former, "another job has taken this run over");
    assert_good(next);
    apd_lock_close(former);
    assert_true(begins("run.lock", "apd lock held\n")); /* the next one's */
    assert_refused(APD_ERROR_LOCKED, "another job writes this run");
    apd_lock_close(next);
    apd_lock_close(opened());
}

/* Locks that hold on one node only (Lustre's localflock): another node's holder signs the same file. */
static void text_of_another_holder_is_noticed(void **state) {
    (void)state;
    apd_lock *lock = opened();
    put_holder("run.lock", &self, 1);
    assert_lost(lock, "another job has taken this run over");
    apd_lock_close(lock);
    assert_true(begins("run.lock", "apd lock held\n"));
}

static void check_tells_another_commit(void **state) {
    (void)state;
    apd_error error = {0};
    apd_lock *lock = opened();
    const char *const newest = "checkpoint.h5";
    assert_int_equal(apd_lock_note(lock, in_folder(newest), &error), APD_OK);
    assert_good(lock);
    put(newest, "another's first");
    assert_lost(lock, "another job has changed this commit");
    assert_int_equal(apd_lock_note(lock, in_folder(newest), &error), APD_OK);
    assert_good(lock);
    assert_int_equal(__real_link(in_folder(newest), in_folder("checkpoint.previous.h5")), 0);
    assert_good(lock);
    put("next", "another's first");
    assert_int_equal(rename(in_folder("next"), in_folder(newest)), 0);
    assert_lost(lock, "another job has changed this commit");
    assert_int_equal(unlink(in_folder(newest)), 0);
    assert_lost(lock, "another job has changed this commit");
    apd_lock_close(lock);
    assert_int_equal(apd_lock_check(NULL, &error), APD_OK);
    assert_int_equal(apd_lock_note(NULL, in_folder(newest), &error), APD_OK);
    apd_lock_close(NULL);
}

static void lock_that_cannot_be_opened_is_not_free(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_folder("run.lock"), 0777), 0);
    assert_refused(APD_ERROR_IO, "run.lock: cannot open the lock: Is a directory");
    assert_int_equal(rmdir(in_folder("run.lock")), 0);
    fcntl_refusal = EIO;
    assert_refused(APD_REQUEUE, "run.lock: cannot lock: Input/output error");
    fcntl_refusal = EMFILE;
    assert_refused(APD_REQUEUE, "run.lock: cannot lock: Too many open files");
}

static void numbered_holder_keeps_the_kernels_lock_out(void **state) {
    (void)state;
    put_holder("run.lock.4", &self, 1);
    assert_refused(APD_ERROR_LOCKED, "another job writes this run");
    apd_process dead = dead_process();
    put_holder("run.lock.4", &dead, 1);
    apd_lock *lock = opened();
    put_holder("run.lock.5", &self, 1); /* a node without locks */
    assert_lost(lock, "another job has taken this run over");
    apd_lock_close(lock);
}

/* --- numbered files ----------------------------------------------------------------------------------------- */

static const int no_locks[] = {ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS};

static void without_locks_a_living_holder_keeps_the_run(void **state) {
    (void)state;
    char name[32];
    for (size_t i = 0; i < sizeof no_locks / sizeof *no_locks; i++) {
        fcntl_refusal = no_locks[i];
        apd_lock *lock = opened();
        assert_refused(APD_ERROR_LOCKED, "another job writes this run: process ");
        assert_good(lock);
        apd_lock_close(lock);
        (void)snprintf(name, sizeof name, "run.lock.%zu", i + 1);
        assert_true(begins(name, "apd lock left\n"));
    }
    assert_false(exists("run.lock.5"));
}

static void without_locks_a_dead_holder_is_succeeded(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    apd_process ranks[2] = {dead_process(), dead_process()};
    put_holder("run.lock.7", ranks, 2);
    apd_lock *lock = opened();
    assert_true(begins("run.lock.7", "apd lock held\n")); /* no file is removed or changed */
    assert_true(begins("run.lock.8", "apd lock held\n"));
    assert_good(lock);
    apd_lock_close(lock);
    ranks[1] = self; /* an orphan */
    put_holder("run.lock.9", ranks, 2);
    assert_refused(APD_ERROR_LOCKED, "another job writes this run");
    ranks[1].start--; /* its number is another's now */
    put_holder("run.lock.9", ranks, 2);
    apd_lock_close(opened());
}

static void without_locks_a_holder_elsewhere_keeps_the_run(void **state) {
    (void)state;
    fcntl_refusal = EOPNOTSUPP;
    apd_process other = dead_process();
    (void)snprintf(other.host, sizeof other.host, "elsewhere");
    put_holder("run.lock.1", &other, 1);
    assert_refused(APD_ERROR_LOCKED, "on elsewhere (since");
    apd_lock *lock = broken();
    assert_true(exists("run.lock.2"));
    assert_good(lock);
    apd_lock_close(lock);
    apd_lock_close(opened());
}

static void without_locks_slurms_restart_succeeds_its_former_start(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    apd_process other = self;
    (void)snprintf(other.host, sizeof other.host, "elsewhere");
    (void)setenv("SLURM_JOB_ID", "77", 1);
    put_holder("run.lock.1", &other, 1);
    assert_refused(APD_ERROR_LOCKED, "(Slurm job 77, since");
    (void)setenv("SLURM_RESTART_COUNT", "1", 1);
    (void)setenv("SLURM_JOB_ID", "78", 1);
    assert_refused(APD_ERROR_LOCKED, "(Slurm job 77, since");
    (void)setenv("SLURM_JOB_ID", "77", 1);
    apd_lock_close(opened());
}

static void without_locks_an_unreadable_file_is_not_free(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    put("run.lock.3", "");
    assert_refused(APD_ERROR_LOCKED, "run.lock.3: does not say who writes this run");
    put("run.lock.3", "apd lock left\ntoken 1\n");
    assert_refused(APD_ERROR_LOCKED, "run.lock.3: does not say who writes this run");
    assert_int_equal(unlink(in_folder("run.lock.3")), 0);
    assert_int_equal(mkdir(in_folder("run.lock.3"), 0777), 0);
    assert_refused(APD_ERROR_IO, "Is a directory");
    apd_lock *lock = broken();
    assert_true(exists("run.lock.4"));
    apd_lock_close(lock);
}

static void without_links_files_are_made_exclusively(void **state) {
    (void)state;
    static const int refusals[] = {EPERM, EOPNOTSUPP, ENOSYS};
    fcntl_refusal = ENOLCK;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        link_refusal = refusals[i];
        apd_lock *lock = opened();
        assert_refused(APD_ERROR_LOCKED, "another job writes this run");
        assert_good(lock);
        apd_lock_close(lock);
    }
    assert_true(begins("run.lock.3", "apd lock left\n"));
    link_refusal = EIO;
    assert_refused(APD_REQUEUE, "cannot link the lock: Input/output error");
}

static void link_is_judged_by_the_count_of_links(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    link_manner = LOST_ANSWER;
    apd_lock_close(opened());
    assert_true(begins("run.lock.1", "apd lock left\n"));
    link_manner = LIE;
    assert_refused(APD_REQUEUE, "cannot link the lock");
    assert_false(exists("run.lock.2"));
}

static void starter_that_finds_a_higher_number_leaves(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    link_manner = OVERTAKEN;
    assert_refused(APD_ERROR_LOCKED, "run.lock.900: does not say who writes this run");
    assert_true(begins("run.lock.1", "apd lock left\n"));
}

static void without_locks_a_broken_lock_is_noticed(void **state) {
    (void)state;
    fcntl_refusal = ENOSYS;
    apd_lock *former = opened();
    apd_lock *next = broken();
    assert_lost(former, "another job has taken this run over");
    assert_good(next);
    apd_lock_close(former);
    assert_refused(APD_ERROR_LOCKED, "another job writes this run");
    apd_lock_close(next);
    apd_lock_close(opened());
}

static void kernels_holder_keeps_nodes_without_locks_out(void **state) {
    (void)state;
    apd_lock *lock = opened();
    fcntl_refusal = ENOLCK;
    assert_refused(APD_ERROR_LOCKED, "another job writes this run");
    fcntl_refusal = 0;
    assert_good(lock);
    apd_lock_close(lock);
    fcntl_refusal = ENOLCK;
    apd_lock_close(opened());
}

static void no_private_file_stays(void **state) {
    (void)state;
    fcntl_refusal = ENOLCK;
    apd_lock_close(opened());
    apd_lock_close(broken());
    fcntl_refusal = 0;
    apd_lock_close(broken());
    DIR *listed = opendir(folder);
    for (struct dirent *entry; (entry = readdir(listed)) != NULL;)
        assert_null(strstr(entry->d_name, "tmp"));
    (void)closedir(listed);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(process_that_lives_is_not_dead),
        CASE(process_that_ended_or_lost_its_number_is_dead),
        CASE(process_of_another_machine_boot_or_container_is_not_judged),
        CASE(holder_text_is_read_back_and_any_cut_is_seen),
        CASE(holder_of_an_array_names_the_array_and_its_index),
        CASE(second_opening_is_refused_and_names_the_holder),
        CASE(death_frees_the_run_whatever_the_text_says),
        CASE(rank_that_lives_on_keeps_the_run),
        CASE(join_without_that_lock_gets_none),
        CASE(broken_lock_is_noticed_by_the_former_holder),
        CASE(text_of_another_holder_is_noticed),
        CASE(check_tells_another_commit),
        CASE(lock_that_cannot_be_opened_is_not_free),
        CASE(numbered_holder_keeps_the_kernels_lock_out),
        CASE(without_locks_a_living_holder_keeps_the_run),
        CASE(without_locks_a_dead_holder_is_succeeded),
        CASE(without_locks_a_holder_elsewhere_keeps_the_run),
        CASE(without_locks_slurms_restart_succeeds_its_former_start),
        CASE(without_locks_an_unreadable_file_is_not_free),
        CASE(without_links_files_are_made_exclusively),
        CASE(link_is_judged_by_the_count_of_links),
        CASE(starter_that_finds_a_higher_number_leaves),
        CASE(without_locks_a_broken_lock_is_noticed),
        CASE(kernels_holder_keeps_nodes_without_locks_out),
        CASE(no_private_file_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
