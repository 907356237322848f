#include "io/hdf5/guard.h"

#include "base/landing.h"
#include "base/status.h"
#include "io/hdf5/read_driver.h"

#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES (1 << 16)
#define FRAMES      64

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
enum { FAULTS = sizeof faults / sizeof *faults };

typedef struct code {
    uintptr_t begin, end;
} code;

static struct sigaction former_actions[FAULTS];
static volatile sig_atomic_t passed_on[FAULTS];
static code own, hdf5; /* executable parts; hdf5 is empty where HDF5 is linked into this program */
static _Thread_local const char *reading = NULL;
static _Thread_local bool has_stack = false;

/* --- at the fault: async-signal-safe calls alone --------------------------------------------------------- */

static bool is_in(code part, uintptr_t place) {
    return place >= part.begin && place < part.end;
}

/* The instruction; 0 where unknown. */
static uintptr_t find_place(const void *context) {
#if defined(__x86_64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* Whether our code faulted, or called the library (libc, say) that did: the nearest caller that is ours or HDF5's tells.
 * backtrace() is not on the list of async-signal-safe calls; it allocates on its first call alone, which make_stack makes. */
static bool is_ours(const void *context) {
    uintptr_t place = find_place(context);
    void *frames[FRAMES];
    if (hdf5.end == 0 || is_in(hdf5, place))
        return false;
    if (is_in(own, place))
        return true;
    int count = backtrace(frames, FRAMES), first = 0;
    while (first < count && (uintptr_t)frames[first] != place) /* those of the handler */
        first++;
    for (int i = first; i < count; i++)
        if (is_in(own, (uintptr_t)frames[i]) || is_in(hdf5, (uintptr_t)frames[i]))
            return is_in(own, (uintptr_t)frames[i]);
    return false;
}

static void say(const char *path, const char *what) {
    static const char lead[] = "apd: ";
    char line[4096 + 256];
    size_t used = sizeof lead - 1, length = strlen(path), rest = strlen(what);
    length = length < 4096 ? length : 4096;
    memcpy(line, lead, used);
    memcpy(line + used, path, length);
    memcpy(line + used + length, what, rest);
    line[used + length + rest] = '\n';
    if (write(STDERR_FILENO, line, used + length + rest + 1) < 0)
        _exit(APD_ERROR_DATA);
}

static void on_fault(int number, siginfo_t *facts, void *context) {
    (void)facts;
    if (reading != NULL && !is_ours(context)) {
        const bool refused = apd_h5_refused() != 0;
        const char *what = refused ? ": HDF5 crashed after the system refused to read the file; start again"
                                   : ": HDF5 crashed reading it: the file is damaged; make it again, or take "
                                     "a good copy";
        apd_status status = refused ? APD_REQUEUE : APD_ERROR_DATA;
        apd_landing_go((int)status, reading, what);
        say(reading, what);
        _exit((int)status);
    }
    /* The instruction is tried again and the former handler has it; one that hands it back to us gets the default. */
    for (int i = 0; i < FAULTS; i++) {
        if (faults[i] != number)
            continue;
        const struct sigaction fallback = {.sa_handler = SIG_DFL};
        (void)sigaction(number, passed_on[i] ? &fallback : &former_actions[i], NULL);
        passed_on[i] = 1;
    }
    if (number == SIGABRT)
        (void)raise(number);
}

/* --- before it ------------------------------------------------------------------------------------------- */

/* Debian's builds have names of their own. */
static bool is_hdf5(const char *path) {
    static const char *const names[] = {"libhdf5.", "libhdf5-", "libhdf5_serial.", "libhdf5_openmpi.",
                                        "libhdf5_mpich."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(path, names[i]) != NULL)
            return true;
    return false;
}

/* The executable parts of the object that this code is in, and of HDF5. */
static int find_code(struct dl_phdr_info *object, size_t size, void *unused) {
    uintptr_t here = (uintptr_t)&find_code;
    bool is_library = is_hdf5(object->dlpi_name);
    (void)size;
    (void)unused;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        code found = {object->dlpi_addr + part->p_vaddr, object->dlpi_addr + part->p_vaddr + part->p_memsz};
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
            continue;
        if (is_in(found, here))
            own = found;
        else if (is_library)
            hdf5 = found;
    }
    return 0;
}

/* Unless our handler has this signal: it must never be its own predecessor. */
static void install(int fault) {
    struct sigaction now,
        action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (sigaction(faults[fault], NULL, &now) != 0 ||
        ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault))
        return;
    former_actions[fault] = now;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(faults[fault], &action, NULL);
}

/* Others (MPI, test frameworks) may have put their own handlers in our place since, for some signals or all. */
static void install_where_missing(void) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&one_at_a_time);
    if (own.end == 0)
        (void)dl_iterate_phdr(find_code, NULL);
    for (int i = 0; i < FAULTS; i++)
        install(i);
    (void)pthread_mutex_unlock(&one_at_a_time);
}

/* An endless recursion inside HDF5 leaves no room for the handler on the thread's own stack. */
static void make_stack(void) {
    static _Thread_local char room[STACK_BYTES];
    stack_t now, stack = {.ss_sp = room, .ss_size = sizeof room};
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        (void)sigaltstack(&stack, NULL);
    void *frame;
    (void)backtrace(&frame, 1);
    has_stack = true;
}

const char *apd_h5_guard_begin(const char *path) {
    const char *former = reading;
    install_where_missing();
    if (!has_stack)
        make_stack();
    reading = path;
    return former;
}

void apd_h5_guard_end(const char *former) {
    reading = former;
}

void apd_h5_guard_remove(void) {
    struct sigaction now;
    reading = NULL;
    for (int i = 0; i < FAULTS; i++)
        if (sigaction(faults[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
            now.sa_sigaction == on_fault)
            (void)sigaction(faults[i], &former_actions[i], NULL);
}
