/* parts: a description that is no file by itself: its YAML stands in another file, or its values come one by one. For
 * studies (src/study). Local. */
#ifndef APD_IO_DESCRIPTION_PARTS_H
#define APD_IO_DESCRIPTION_PARTS_H

#include "io/description/description.h"
#include "io/description/values.h"
#include "io/system/json.h"

/* apd_description_parse from YAML that was parsed before; its lines are those of the file `name`. */
apd_status apd_description_build(const char *name, const apd_yaml_node *root, const char *const *settings,
                                 int count, apd_description **out, apd_error *error);

/* Check the value `node` of the key, and write it as run.yaml has it: equal values give equal texts. `line` is the
 * key's, 0 without a file. Sets `*option` to the key's place in the table, and `*value`, to be freed, on success. Status:
 * USAGE. */
apd_status apd_description_value(const apd_place *place, const char *key, const apd_yaml_node *node, int line,
                                 int *option, char **value);

#define APD_JSON_SCHEMA "http://json-schema.org/draft-07/schema#"

/* Within an object: the schema of a run description, `whole` or without required keys. */
void apd_description_schema_fields(apd_json *json, bool whole);

/* Within an object: `key`, and the schema of the option's value. */
void apd_option_schema(apd_json *json, const char *key, const apd_option *option);

#endif
