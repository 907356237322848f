#include "io/hdf5/driver_base.h"

#include <sys/types.h>

static haddr_t get_allocated(const H5FD_t *base, H5FD_mem_t type) {
    (void)type;
    return ((const apd_h5_driver_file *)base)->allocated;
}

static herr_t set_allocated(H5FD_t *base, H5FD_mem_t type, haddr_t address) {
    (void)type;
    ((apd_h5_driver_file *)base)->allocated = address;
    return 0;
}

static haddr_t get_end(const H5FD_t *base, H5FD_mem_t type) {
    (void)type;
    return ((const apd_h5_driver_file *)base)->end;
}

H5FD_class_t apd_h5_driver_class(int number, const char *name) {
    (void)number; /* HDF5 1.10 has no such member */
    return (H5FD_class_t){
#ifdef H5FD_CLASS_VERSION
        .version = H5FD_CLASS_VERSION,
        .value = (H5FD_class_value_t)number,
#endif
        .name = name,
        .maxaddr = ((haddr_t)1 << (8 * sizeof(off_t) - 1)) - 1,
        .fc_degree = H5F_CLOSE_WEAK,
        .get_eoa = get_allocated,
        .set_eoa = set_allocated,
        .get_eof = get_end,
        .fl_map = H5FD_FLMAP_DICHOTOMY,
    };
}

herr_t apd_h5_driver_set(hid_t access, const H5FD_class_t *driver, hid_t *registered, const void *info) {
    /* Kept until the process ends: HDF5's close of a file calls its driver after giving the driver back, and the last
     * reference to a driver frees it (seen with 1.10.8). */
    if (*registered < 0)
        *registered = H5FDregister(driver);
    return *registered < 0 ? -1 : H5Pset_driver(access, *registered, info);
}
