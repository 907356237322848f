#include "io/checkpoint/types.h"

static hid_t text_type(int64_t bytes) {
    hid_t text = H5Tcopy(H5T_C_S1);
    if (text >= 0 && (H5Tset_size(text, (size_t)bytes) < 0 || H5Tset_strpad(text, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(text, H5T_CSET_UTF8) < 0)) {
        (void)H5Tclose(text);
        return -1;
    }
    return text;
}

/* IEEE 754 binary16; HDF5 has a name for it from 1.14.4 on. */
static hid_t half_type(void) {
    hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    if (half >= 0 && (H5Tset_fields(half, 15, 10, 5, 0, 10) < 0 || H5Tset_precision(half, 16) < 0 ||
                      H5Tset_size(half, 2) < 0 || H5Tset_ebias(half, 15) < 0)) {
        (void)H5Tclose(half);
        return -1;
    }
    return half;
}

hid_t apd_file_type(const apd_shape *shape) {
    const hid_t types[] = {H5T_STD_I32LE,  H5T_STD_I64LE,       H5T_STD_U64LE, H5T_IEEE_F32LE,
                           H5T_IEEE_F64LE, H5T_C_S1 /* TEXT */, H5T_STD_U8LE};
    if (shape->number == APD_F16)
        return half_type();
    return shape->number == APD_TEXT ? text_type(shape->text) : H5Tcopy(types[shape->number]);
}

hid_t apd_memory_type(const apd_shape *shape) {
    const hid_t types[] = {H5T_NATIVE_INT32,  H5T_NATIVE_INT64,    H5T_NATIVE_UINT64, H5T_NATIVE_FLOAT,
                           H5T_NATIVE_DOUBLE, H5T_C_S1 /* TEXT */, H5T_NATIVE_UINT8};
    return shape->number == APD_TEXT ? text_type(shape->text) : H5Tcopy(types[shape->number]);
}

hid_t apd_shape_space(const apd_shape *shape) {
    hsize_t extents[2] = {(hsize_t)shape->extents[0], (hsize_t)shape->extents[1]};
    return shape->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(shape->rank, extents, NULL);
}

void apd_types_close(hid_t first, hid_t second, hid_t space) {
    if (first >= 0)
        (void)H5Idec_ref(first);
    if (second >= 0)
        (void)H5Idec_ref(second);
    if (space >= 0)
        (void)H5Sclose(space);
}
