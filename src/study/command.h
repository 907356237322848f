/* command: apd study, apd status and apd schema. */
#ifndef APD_STUDY_COMMAND_H
#define APD_STUDY_COMMAND_H

#include "commands/options.h"

extern const apd_command apd_command_study, apd_command_status, apd_command_schema;

#endif
