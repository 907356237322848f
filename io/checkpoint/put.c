#include "io/checkpoint/put.h"

#include "io/hdf5/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

apd_status apd_checkpoint_put_check(const apd_checkpoint_out *out, bool good, const char *name,
                                    apd_error *error) {
    const char *between = strcmp(out->name, "/") == 0 ? "" : "/";
    if (out->fault->number != 0)
        return apd_fail_errno(error, out->fault->number, "%s: cannot write %s%s%s", out->path, out->name,
                              between, name);
    if (good)
        return APD_OK;
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, APD_ERROR_INTERNAL, "%s: cannot write %s%s%s (HDF5: %s)", out->path, out->name,
                    between, name, reason);
}

static hid_t create_group(hid_t place, const char *name) {
    hid_t list = H5Pcreate(H5P_GROUP_CREATE), made = -1;
    if (list >= 0 && H5Pset_obj_track_times(list, false) >= 0)
        made = H5Gcreate2(place, name, H5P_DEFAULT, list, H5P_DEFAULT);
    if (list >= 0)
        (void)H5Pclose(list);
    return made;
}

apd_status apd_checkpoint_put_folder(const apd_checkpoint_out *out, const char *name, apd_error *error) {
    hid_t made = create_group(out->id, name);
    bool good = made >= 0 && H5Gclose(made) >= 0;
    return apd_checkpoint_put_check(out, good, name, error);
}

apd_status apd_checkpoint_put_parents(const apd_checkpoint_out *root, const char *name, apd_error *error) {
    char part[sizeof root->name];
    for (const char *slash = strchr(name + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - name - 1), name + 1);
        if (H5Lexists(root->id, part, H5P_DEFAULT) <= 0)
            APD_TRY(apd_checkpoint_put_folder(root, part, error));
    }
    return APD_OK;
}

apd_status apd_checkpoint_put_open(const apd_checkpoint_out *root, const char *name, apd_checkpoint_out *out,
                                   apd_error *error) {
    *out = *root;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->digest = apd_digest(name, strlen(name));
    out->id = create_group(root->id, name);
    return apd_checkpoint_put_check(root, out->id >= 0, name + 1, error);
}

apd_status apd_checkpoint_put_close(apd_checkpoint_out *out, apd_error *error) {
    uint64_t digest = out->digest;
    apd_checkpoint_shape shape = apd_checkpoint_scalar(APD_CHECKPOINT_UINT64);
    apd_status status = apd_checkpoint_put_attribute(out, "digest", &shape, &digest, error);
    out->digest = digest;
    apd_checkpoint_put_abandon(out);
    return status;
}

void apd_checkpoint_put_abandon(apd_checkpoint_out *out) {
    if (out->id >= 0)
        (void)H5Gclose(out->id);
    out->id = -1;
}

apd_status apd_checkpoint_put_attribute(apd_checkpoint_out *out, const char *name,
                                        const apd_checkpoint_shape *shape, const void *value,
                                        apd_error *error) {
    hid_t type = apd_checkpoint_type(shape, true), memory = apd_checkpoint_type(shape, false);
    hid_t space = apd_checkpoint_space(shape), made = -1;
    if (type >= 0 && memory >= 0 && space >= 0)
        made = H5Acreate2(out->id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = made >= 0 && H5Awrite(made, memory, value) >= 0;
    apd_status status = apd_checkpoint_put_check(out, good, name, error);
    if (made >= 0)
        (void)H5Aclose(made);
    if (space >= 0)
        (void)H5Sclose(space);
    if (memory >= 0)
        (void)H5Tclose(memory);
    if (type >= 0)
        (void)H5Tclose(type);
    size_t bytes = (size_t)apd_checkpoint_shape_bytes(shape);
    out->digest = apd_checkpoint_fold(out->digest, name, shape, apd_digest(value, bytes));
    return status;
}

apd_status apd_checkpoint_put_fields(apd_checkpoint_out *out, const apd_checkpoint_field *fields, int count,
                                     const void *from, apd_error *error) {
    for (int f = 0; f < count; f++) {
        apd_checkpoint_shape shape = {.kind = fields[f].kind, .text = fields[f].text};
        const void *value = (const char *)from + fields[f].offset;
        APD_TRY(apd_checkpoint_put_attribute(out, fields[f].name, &shape, value, error));
    }
    return APD_OK;
}
