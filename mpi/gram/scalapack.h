/* scalapack: C prototypes of the functions of BLACS, PBLAS, ScaLAPACK and LAPACK that apd calls, which ship none. For
 * the files of mpi/gram only.
 *
 * Fortran's conventions: all arguments are pointers, integers have 32 bits, indices begin at 1, matrices are
 * column-major. A distributed matrix is a local array and a descriptor of nine integers. `lwork` -1 asks for the size
 * of `work`, which is returned in work[0]. */
#ifndef APD_MPI_GRAM_SCALAPACK_H
#define APD_MPI_GRAM_SCALAPACK_H

#include <mpi.h>

#define APD_DESCRIPTOR 9

/* BLACS: process grids on any communicator. */
int Csys2blacs_handle(MPI_Comm communicator);
void Cblacs_gridinit(int *context, char *order, int rows, int cols);
void Cblacs_gridinfo(int context, int *rows, int *cols, int *row, int *col);
void Cblacs_gridexit(int context);

/* The number of n rows (or columns) in blocks of nb that process `row` of `rows` holds, the first block being on
 * `first`. */
int numroc_(const int *n, const int *nb, const int *row, const int *first, const int *rows);
void descinit_(int *descriptor, const int *m, const int *n, const int *mb, const int *nb,
               const int *first_row, const int *first_col, const int *context, const int *leading, int *info);

/* C = alpha*A*B + beta*C on submatrices of distributed matrices. */
void pdgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja, const int *descriptor_a,
             const double *b, const int *ib, const int *jb, const int *descriptor_b, const double *beta,
             double *c, const int *ic, const int *jc, const int *descriptor_c);

/* Eigenvalues, ascending, and eigenvectors of a symmetric matrix, distributed and local. */
void pdsyev_(const char *job, const char *triangle, const int *n, double *a, const int *ia, const int *ja,
             const int *descriptor_a, double *values, double *z, const int *iz, const int *jz,
             const int *descriptor_z, double *work, const int *lwork, int *info);
void dsyev_(const char *job, const char *triangle, const int *n, double *a, const int *leading,
            double *values, double *work, const int *lwork, int *info);

#endif
