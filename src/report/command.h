/* command: apd report. */
#ifndef APD_REPORT_COMMAND_H
#define APD_REPORT_COMMAND_H

#include "commands/options.h"

extern const apd_command apd_command_report;

#endif
