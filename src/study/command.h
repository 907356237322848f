/* command: apd study and apd status. */
#ifndef APD_STUDY_COMMAND_H
#define APD_STUDY_COMMAND_H

#include "commands/options.h"

extern const apd_command apd_command_study, apd_command_status;

#endif
