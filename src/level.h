/* level: the build of the program for this processor.
 *
 * A portable build (CMake's APD_PORTABLE) is three programs: one for any x86-64 processor, which users start, and one each for the
 * levels x86-64-v3 (AVX2) and x86-64-v4 (AVX-512) of the x86-64 ABI, in LEVEL/apd beside it or in ../libexec/apd/LEVEL/apd. The
 * first one replaces itself with the best that the processor can run. Ranks with different ones are refused at start-up, as
 * different builds are (engine/startup.h), and each commit says which kernels made it. */
#ifndef APD_LEVEL_H
#define APD_LEVEL_H

/* Replace this process by the program of the best level, or of the one that the environment variable APD_LEVEL names (x86-64: this
 * one). Returns where this one is right: 0, or an exit status after a line on stderr. Local. */
int apd_level_take(char **argv);

#endif
