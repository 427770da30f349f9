#include "parallel.h"

#include <stddef.h>

extern void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned) __attribute__((weak));
extern int omp_get_thread_num(void) __attribute__((weak));
extern int omp_get_num_threads(void) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));
extern int omp_in_parallel(void) __attribute__((weak));

typedef struct {
    range_function run;
    void *context;
    int64_t count, unit;
} region;

int parallel_width(void)
{
    if (GOMP_parallel == NULL || omp_get_thread_num == NULL || omp_get_num_threads == NULL ||
        omp_get_max_threads == NULL || omp_in_parallel == NULL || omp_in_parallel())
        return 1;
    return omp_get_max_threads();
}

static void run_share(void *argument)
{
    const region *all = argument;
    int64_t threads = omp_get_num_threads(), units = (all->count + all->unit - 1) / all->unit;
    int64_t number = omp_get_thread_num();
    int64_t begin = units * number / threads * all->unit;
    int64_t end = units * (number + 1) / threads * all->unit;
    if (end > all->count)
        end = all->count;
    if (begin < end)
        all->run(all->context, begin, end);
}

void parallel_for(range_function run, void *context, int64_t count, int64_t grain, int64_t unit)
{
    int64_t threads = parallel_width();
    if (threads > count / grain)
        threads = count / grain;
    if (threads <= 1) {
        if (count > 0)
            run(context, 0, count);
        return;
    }
    region all = {run, context, count, unit};
    GOMP_parallel(run_share, &all, (unsigned)threads, 0);
}

/* The number of threads that work is split among: torch's. */
EXPORT int walrusd_threads(void)
{
    return parallel_width();
}

/* Of the functions and their parameters, as library.py expects them. */
EXPORT int walrusd_version(void)
{
    return 3;
}
