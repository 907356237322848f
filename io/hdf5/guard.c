#include "io/hdf5/guard.h"

#include "base/status.h"

#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES (1 << 16)

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
enum { FAULTS = sizeof faults / sizeof *faults };

static struct sigaction former_actions[FAULTS];
static uintptr_t own_begin,
    own_end; /* our code: a fault there is not HDF5's. Empty where both are one file */
static _Thread_local const char *reading = NULL;
static _Thread_local bool has_stack = false;

/* --- at the fault: async-signal-safe calls alone --------------------------------------------------------- */

static uintptr_t place_of(const void *context) {
#if defined(__x86_64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void say(const char *path) {
    static const char parts[2][120] = {
        "apd: ", ": HDF5 crashed reading it: the file is damaged; make it again, or take a good copy\n"};
    char line[4096 + sizeof parts];
    size_t used = strlen(parts[0]), length = strlen(path);
    length = length < 4096 ? length : 4096;
    memcpy(line, parts[0], used);
    memcpy(line + used, path, length);
    memcpy(line + used + length, parts[1], strlen(parts[1]));
    if (write(STDERR_FILENO, line, used + length + strlen(parts[1])) < 0)
        _exit(APD_ERROR_DATA);
}

static void on_fault(int number, siginfo_t *facts, void *context) {
    uintptr_t place = place_of(context);
    (void)facts;
    if (reading != NULL && (place < own_begin || place >= own_end)) {
        say(reading);
        _exit(APD_ERROR_DATA);
    }
    for (int i = 0; i < FAULTS; i++) /* the instruction is tried again, and the former handler has it */
        if (faults[i] == number)
            (void)sigaction(number, &former_actions[i], NULL);
    if (number == SIGABRT)
        (void)raise(number);
}

/* --- before it ------------------------------------------------------------------------------------------- */

/* The executable part of the object that this code is in. */
static int find_own_code(struct dl_phdr_info *object, size_t size, void *has_library) {
    uintptr_t here = (uintptr_t)&find_own_code;
    (void)size;
    if (strstr(object->dlpi_name, "hdf5") != NULL)
        *(bool *)has_library = true;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || here < begin || here >= begin + part->p_memsz)
            continue;
        own_begin = begin;
        own_end = begin + part->p_memsz;
    }
    return 0;
}

static void install(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    bool has_library = false;
    (void)dl_iterate_phdr(find_own_code, &has_library);
    if (!has_library) /* HDF5 is linked into this program: its code cannot be told from ours */
        own_end = own_begin;
    (void)sigemptyset(&action.sa_mask);
    for (int i = 0; i < FAULTS; i++)
        (void)sigaction(faults[i], &action, &former_actions[i]);
}

/* Others (MPI, test frameworks) may have put their own handlers in our place since. */
static void install_where_missing(void) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction now;
    (void)pthread_mutex_lock(&one_at_a_time);
    if (sigaction(SIGSEGV, NULL, &now) != 0 || now.sa_sigaction != on_fault)
        install();
    (void)pthread_mutex_unlock(&one_at_a_time);
}

/* An endless recursion inside HDF5 leaves no room for the handler on the thread's own stack. */
static void make_stack(void) {
    static _Thread_local char room[STACK_BYTES];
    stack_t now, stack = {.ss_sp = room, .ss_size = sizeof room};
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        (void)sigaltstack(&stack, NULL);
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
