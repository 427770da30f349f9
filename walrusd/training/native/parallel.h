/* Work split over the threads of the OpenMP runtime that torch has already loaded.

   A second runtime would fight with the first for the processors, so none is linked: the symbols
   are weak. Where no runtime defines them, everything runs on the calling thread. A split never
   changes a bit: ranges are independent of each other. */

#ifndef WALRUSD_PARALLEL_H
#define WALRUSD_PARALLEL_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

/* Fewer elements than this are not worth waking a thread for; as in torch. */
#define GRAIN 32768

typedef void (*range_function)(void *context, int64_t begin, int64_t end);

/* Calls `run` on ranges that cover [0, count), each at least `grain` long and starting at a
   multiple of `unit`. */
void parallel_for(range_function run, void *context, int64_t count, int64_t grain, int64_t unit);

/* The number of threads that parallel_for would use for unlimited work. */
int parallel_width(void);

#endif
