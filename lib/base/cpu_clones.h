// One loop, compiled for several generations of the CPU.
#pragma once

// Before a function with hot element-wise loops: the dynamic linker picks the version for the CPU
// at hand. Off under sanitizers, whose runtime is not ready when it picks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PIE_CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PIE_CPU_CLONES
#endif

// Before a function that is called there: into all clones of the caller.
#define PIE_INLINE __attribute__((always_inline)) inline
