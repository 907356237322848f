/* commands: one file a command, each of which is a row of main's table. */
#ifndef APD_COMMANDS_COMMANDS_H
#define APD_COMMANDS_COMMANDS_H

#include "commands/options.h"

extern const apd_command apd_command_train, apd_command_evaluate, apd_command_inspect, apd_command_verify,
    apd_command_pack, apd_command_predict, apd_command_export, apd_command_compare, apd_command_forget,
    apd_command_extend, apd_command_import, apd_command_generate, apd_command_contact;

#endif
