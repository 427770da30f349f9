/* Layer norm and RMS norm over the last axis (SPEC.md, chapter 4). */

#include "arithmetic.h"
#include "fold.h"
#include "product.h"

typedef struct {
    const float *x, *dy, *gain, *bias, *saved_scale;
    float *y, *scales, *normalised, *dgain, *dbias;
    int64_t rows, width;
    float epsilon, inverse;
    int centred, failed;
} norm;

/* Room for a row and for its fold, on this thread. */
INLINE float *get_row_scratch(int64_t width)
{
    return get_scratch(0, 3 * width * (int64_t)sizeof(float));
}

CLONES static void norm_range(void *context, int64_t begin, int64_t end)
{
    norm *all = context;
    int64_t width = all->width;
    float *squares = get_row_scratch(width), *buffer = squares + width;
    if (!squares) {
        all->failed = 1;
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const float *x = all->x + i * width;
        float *y = all->y + i * width, *normalised = all->normalised + i * width;
        if (all->centred) {
            float mean = fold_row(x, width, buffer) * all->inverse;
            for (int64_t j = 0; j < width; j++)
                normalised[j] = x[j] - mean;
            x = normalised;
        }
        for (int64_t j = 0; j < width; j++)
            squares[j] = x[j] * x[j];
        float variance = fold_row(squares, width, buffer) * all->inverse + all->epsilon;
        float scale = compute_reciprocal_sqrt(variance);
        all->scales[i] = scale;
        for (int64_t j = 0; j < width; j++) {
            normalised[j] = x[j] * scale;
            y[j] = normalised[j] * all->gain[j];
        }
        if (all->centred)
            for (int64_t j = 0; j < width; j++)
                y[j] = y[j] + all->bias[j];
    }
}

/* Writes y, the normalised rows and their scales. `bias` is NULL for the RMS norm. `inverse` is
   RN32(1 / width). */
EXPORT int walrusd_norm(const float *x, const float *gain, const float *bias, float *y,
                        float *normalised, float *scales, int64_t rows, int64_t width,
                        float epsilon, float inverse)
{
    norm all = {.x = x,
                .gain = gain,
                .bias = bias,
                .y = y,
                .normalised = normalised,
                .scales = scales,
                .rows = rows,
                .width = width,
                .epsilon = epsilon,
                .inverse = inverse,
                .centred = bias != NULL};
    parallel_for(norm_range, &all, rows, 1 + GRAIN / (width + 1), 1);
    return all.failed ? REFUSED : DONE;
}

CLONES static void norm_backward_range(void *context, int64_t begin, int64_t end)
{
    norm *all = context;
    int64_t width = all->width;
    float *products = get_row_scratch(width), *buffer = products + width;
    if (!products) {
        all->failed = 1;
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const float *dy = all->dy + i * width, *normalised = all->normalised + i * width;
        float *dx = all->y + i * width, scale = all->saved_scale[i], mean = 0.0f;
        for (int64_t j = 0; j < width; j++)
            dx[j] = dy[j] * all->gain[j];
        if (all->centred)
            mean = fold_row(dx, width, buffer) * all->inverse;
        for (int64_t j = 0; j < width; j++)
            products[j] = dx[j] * normalised[j];
        float slope = fold_row(products, width, buffer) * all->inverse;
        if (all->centred)
            for (int64_t j = 0; j < width; j++)
                dx[j] = ((dx[j] - mean) - normalised[j] * slope) * scale;
        else
            for (int64_t j = 0; j < width; j++)
                dx[j] = (dx[j] - normalised[j] * slope) * scale;
    }
}

INLINE void read_product(const void *context, int64_t row, int64_t first, int64_t count, float *out)
{
    const norm *all = context;
    int64_t start = row * all->width + first;
    for (int64_t j = 0; j < count; j++)
        out[j] = all->dy[start + j] * all->normalised[start + j];
}

INLINE void read_gradient(const void *context, int64_t row, int64_t first, int64_t count,
                          float *out)
{
    const norm *all = context;
    memcpy(out, all->dy + row * all->width + first, (size_t)count * sizeof(float));
}

CLONES static void gains_range(void *context, int64_t begin, int64_t end)
{
    const norm *all = context;
    for (int64_t first = begin; first < end; first += FOLD_WIDTH) {
        int64_t count = end - first < FOLD_WIDTH ? end - first : FOLD_WIDTH;
        fold_leaves(read_product, all, all->rows, first, count, all->dgain + first);
        if (all->centred)
            fold_leaves(read_gradient, all, all->rows, first, count, all->dbias + first);
    }
}

/* Writes dx, dgain and, unless it is NULL, dbias. */
EXPORT int walrusd_norm_backward(const float *dy, const float *normalised, const float *scales,
                                 const float *gain, float *dx, float *dgain, float *dbias,
                                 int64_t rows, int64_t width, float inverse)
{
    norm all = {.dy = dy,
                .normalised = (float *)normalised,
                .saved_scale = scales,
                .gain = gain,
                .y = dx,
                .dgain = dgain,
                .dbias = dbias,
                .rows = rows,
                .width = width,
                .inverse = inverse,
                .centred = dbias != NULL};
    parallel_for(norm_backward_range, &all, rows, 1 + GRAIN / (width + 1), 1);
    parallel_for(gains_range, &all, width, 1 + GRAIN / (rows + 1), 16);
    return all.failed ? REFUSED : DONE;
}
