/* Average pooling, and exact sums over the planes of images (SPEC.md, chapter 4). */

#include "arithmetic.h"
#include "fold.h"

#define LARGEST_WINDOW 64

typedef struct {
    const float *x;
    float *y;
    int64_t wide, size; /* of the pooled rows, and of a window */
    float share;
} pool;

CLONES static void pool_range(void *context, int64_t begin, int64_t end)
{
    const pool *all = context;
    int64_t wide = all->wide, size = all->size, stride = wide * size;
    float share = all->share;
    /* A row of the output: begin and end count rows of all planes. */
    for (int64_t row = begin; row < end; row++) {
        const float *x = all->x + row * size * stride;
        float *y = all->y + row * wide;
        if (size == 2) {
            const float *lower = x + stride;
            for (int64_t j = 0; j < wide; j++)
                y[j] = ((x[2 * j] + lower[2 * j]) + (x[2 * j + 1] + lower[2 * j + 1])) * share;
            continue;
        }
        for (int64_t j = 0; j < wide; j++) {
            float window[LARGEST_WINDOW * LARGEST_WINDOW];
            float buffer[LARGEST_WINDOW * LARGEST_WINDOW / 2 + 1];
            for (int64_t i = 0; i < size; i++)
                memcpy(window + i * size, x + i * stride + j * size, (size_t)size * sizeof(float));
            y[j] = fold_row(window, size * size, buffer) * share;
        }
    }
}

/* y = fold(window) · share; `rows` of y over all planes, each `wide` long. */
EXPORT int walrusd_pool(const float *x, float *y, int64_t rows, int64_t wide, int64_t size,
                        float share)
{
    if (size > LARGEST_WINDOW)
        return REFUSED;
    pool all = {.x = x, .y = y, .wide = wide, .size = size, .share = share};
    parallel_for(pool_range, &all, rows, 1 + GRAIN / (wide * size * size), 1);
    return DONE;
}

CLONES static void pool_backward_range(void *context, int64_t begin, int64_t end)
{
    const pool *all = context;
    int64_t wide = all->wide, size = all->size, stride = wide * size;
    float share = all->share;
    for (int64_t row = begin; row < end; row++) {
        const float *dy = all->x + row * wide;
        float *dx = all->y + row * size * stride;
        if (size == 2)
            for (int64_t j = 0; j < wide; j++)
                dx[2 * j] = dx[2 * j + 1] = dy[j] * share;
        else
            for (int64_t j = 0; j < stride; j++)
                dx[j] = dy[j / size] * share;
        for (int64_t i = 1; i < size; i++)
            memcpy(dx + i * stride, dx, (size_t)stride * sizeof(float));
    }
}

/* dx = dy · share at every place of a window; sizes as in walrusd_pool. */
EXPORT int walrusd_pool_backward(const float *dy, float *dx, int64_t rows, int64_t wide,
                                 int64_t size, float share)
{
    pool all = {.x = dy, .y = dx, .wide = wide, .size = size, .share = share};
    parallel_for(pool_backward_range, &all, rows, 1 + GRAIN / (wide * size * size), 1);
    return DONE;
}

typedef struct {
    const float *x;
    float *sums;
    int64_t count, channels, plane;
} planes;

#define LANES 16

CLONES static void planes_range(void *context, int64_t begin, int64_t end)
{
    const planes *all = context;
    for (int64_t channel = begin; channel < end; channel++) {
        double lanes[LANES] = {0.0}, sum = 0.0;
        for (int64_t image = 0; image < all->count; image++) {
            const float *x = all->x + (image * all->channels + channel) * all->plane;
            int64_t i = 0;
            for (; i + LANES <= all->plane; i += LANES)
                for (int j = 0; j < LANES; j++)
                    lanes[j] += (double)x[i + j];
            for (; i < all->plane; i++)
                lanes[0] += (double)x[i];
        }
        for (int j = 0; j < LANES; j++)
            sum += lanes[j];
        all->sums[channel] = (float)sum;
    }
}

/* sums[c] = RN32 of the exact sum over images and places of grid values (count, channels, plane);
   the caller has checked that it is exact. */
EXPORT int walrusd_sum_planes(const float *x, float *sums, int64_t count, int64_t channels,
                              int64_t plane)
{
    planes all = {x, sums, count, channels, plane};
    parallel_for(planes_range, &all, channels, 1 + GRAIN / (count * plane + 1), 1);
    return DONE;
}
