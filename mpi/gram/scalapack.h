/* scalapack: C prototypes of what apd uses of BLACS, PBLAS, ScaLAPACK and LAPACK, which ship none.
 *
 * Fortran: all arguments by pointer, integers of 32 bits, indices from 1, matrices column-major; a
 * distributed matrix is a local array and a descriptor of nine integers. `lwork` -1 asks for the size of
 * `work`, which is returned in work[0]. For the files of mpi/ only. */
#ifndef APD_MPI_GRAM_SCALAPACK_H
#define APD_MPI_GRAM_SCALAPACK_H

#include <mpi.h>

#define APD_DESCRIPTOR 9

/* BLACS: process grids on any communicator. */
int Csys2blacs_handle(MPI_Comm communicator);
void Cblacs_gridinit(int *context, char *order, int rows, int cols);
void Cblacs_gridinfo(int context, int *rows, int *cols, int *row, int *col);
void Cblacs_gridexit(int context);

/* How many of n rows (or columns) in blocks of nb lie on process `row` of `rows`, the first block on `first`. */
int numroc_(const int *n, const int *nb, const int *row, const int *first, const int *rows);
void descinit_(int *descriptor, const int *m, const int *n, const int *mb, const int *nb,
               const int *first_row, const int *first_col, const int *context, const int *leading, int *info);

/* C = alpha*A*B + beta*C on parts of distributed matrices. */
void pdgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja, const int *descriptor_a,
             const double *b, const int *ib, const int *jb, const int *descriptor_b, const double *beta,
             double *c, const int *ic, const int *jc, const int *descriptor_c);

/* Eigenvalues, ascending, and eigenvectors of a symmetric matrix: distributed, and local. */
void pdsyev_(const char *job, const char *triangle, const int *n, double *a, const int *ia, const int *ja,
             const int *descriptor_a, double *values, double *z, const int *iz, const int *jz,
             const int *descriptor_z, double *work, const int *lwork, int *info);
void dsyev_(const char *job, const char *triangle, const int *n, double *a, const int *leading,
            double *values, double *work, const int *lwork, int *info);

#endif
