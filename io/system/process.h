/* process: the identity of a process, and whether it is certainly dead.
 *
 * A process number alone proves nothing: another host has its own, and numbers are reused. So an identity is host,
 * start of the machine (boot id), namespace of process numbers (a container has its own), number, and the start time of
 * the process. "Dead" is said only of a process of this host, this start and this namespace that is gone, or whose
 * number belongs to a process that began at another time; a fault, or another host, means "perhaps alive". Local. */
#ifndef APD_IO_SYSTEM_PROCESS_H
#define APD_IO_SYSTEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct apd_process {
    char host[64], boot[64], space[64]; /* without blanks; "-" where the system does not say */
    int64_t pid;
    int64_t start; /* clock ticks since the machine's start (proc(5), field 22 of stat); 0: unknown */
} apd_process;

/* The calling process. */
void apd_process_self(apd_process *self);

/* The path of this program, "apd" where the system does not say, into program (room). */
void apd_process_program(char *program, size_t room);

/* Whether `process` is dead beyond doubt; `self` is the calling process. */
bool apd_process_is_dead(const apd_process *process, const apd_process *self);

#endif
