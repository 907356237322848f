#include "table.h"

#include "bench/bench.h"
#include "commands/commands.h"
#include "plan/plan.h"
#include "report/command.h"
#include "study/command.h"

#include <string.h>

const apd_command *const apd_commands[] = {
    &apd_command_train,   &apd_command_extend,   &apd_command_study,   &apd_command_status,
    &apd_command_plan,    &apd_command_evaluate, &apd_command_inspect, &apd_command_verify,
    &apd_command_pack,    &apd_command_predict,  &apd_command_export,  &apd_command_forget,
    &apd_command_compare, &apd_command_report,   &apd_command_import,  &apd_command_generate,
    &apd_command_contact, &apd_command_bench,    &apd_command_schema,  &apd_command_completion,
    &apd_command_manual};
const int apd_command_count = sizeof apd_commands / sizeof apd_commands[0];

const apd_command *apd_command_find(const char *name) {
    for (int i = 0; i < apd_command_count; i++)
        if (strcmp(apd_commands[i]->name, name) == 0)
            return apd_commands[i];
    return NULL;
}
