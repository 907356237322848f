/* machine: what a program runs on, and how it was called, as texts of one line. Local. */
#ifndef APD_IO_SYSTEM_MACHINE_H
#define APD_IO_SYSTEM_MACHINE_H

#include <stddef.h>

/* The processor's name, "unknown" where the system does not say, into text (room). */
void apd_machine_processor(char *text, size_t room);

/* The kernel's name, release and machine: "Linux 6.1.0-18-amd64 x86_64". */
void apd_machine_system(char *text, size_t room);

/* The command line of this process as a shell would take it, cut to room; "apd" where the system does not say. */
void apd_machine_command(char *text, size_t room);

/* Slurm's job that this process is of: "991", or "990_3" in an array; "" without Slurm. */
void apd_machine_job(char *text, size_t room);

#endif
