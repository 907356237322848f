/* table: the table of commands, and the two commands that are made of it. Local. */
#ifndef APD_TABLE_H
#define APD_TABLE_H

#include "commands/options.h"

extern const apd_command *const apd_commands[]; /* (apd_command_count) in the order of --help */
extern const int apd_command_count;

/* NULL: there is none. */
const apd_command *apd_command_find(const char *name);

extern const apd_command apd_command_completion, apd_command_manual;

#endif
