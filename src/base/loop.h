/* loop: what a compiler is told of a loop. */
#ifndef APD_BASE_LOOP_H
#define APD_BASE_LOOP_H

/* Before a loop: no iteration reads or writes what another one writes, whatever the pointers seem to allow. */
#ifdef __clang__
#define APD_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define APD_INDEPENDENT _Pragma("GCC ivdep")
#endif

#endif
