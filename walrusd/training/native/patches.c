/* The patches of images as the rows of a matrix, and back (SPEC.md, chapter 4). */

#include "arithmetic.h"
#include "product.h"

/* Images (count, channels, height, width), patches (count · high · wide, channels · side · side). */
typedef struct {
    int64_t count, channels, height, width, side, padding;
} shape;

typedef struct {
    shape s;
    const float *source;
    float *target;
    int failed;
} images;

INLINE int64_t get_high(const shape *s)
{
    return s->height + 2 * s->padding - s->side + 1;
}

INLINE int64_t get_wide(const shape *s)
{
    return s->width + 2 * s->padding - s->side + 1;
}

/* An image with its border, (channels, height + 2 · padding, width + 2 · padding), of zeros. */
static float *get_border(const shape *s)
{
    int64_t size = s->channels * (s->height + 2 * s->padding) * (s->width + 2 * s->padding);
    float *padded = get_scratch(0, size * 4);
    if (padded)
        memset(padded, 0, (size_t)size * 4);
    return padded;
}

INLINE void cut_place(const float *padded, const shape *s, int64_t side, int64_t stride,
                      int64_t plane, float *patch)
{
    for (int64_t c = 0; c < s->channels; c++, padded += plane, patch += side * side)
        for (int64_t i = 0; i < side; i++)
            for (int64_t j = 0; j < side; j++)
                patch[i * side + j] = padded[i * stride + j];
}

INLINE void paste_place(float *padded, const shape *s, int64_t side, int64_t stride, int64_t plane,
                        const float *patch)
{
    for (int64_t c = 0; c < s->channels; c++, padded += plane, patch += side * side)
        for (int64_t i = 0; i < side; i++)
            for (int64_t j = 0; j < side; j++)
                padded[i * stride + j] += patch[i * side + j];
}

static void cut_range(void *context, int64_t begin, int64_t end)
{
    images *all = context;
    const shape *s = &all->s;
    int64_t stride = s->width + 2 * s->padding, plane = stride * (s->height + 2 * s->padding);
    int64_t high = get_high(s), wide = get_wide(s), size = s->channels * s->side * s->side;
    float *padded = get_border(s);
    if (!padded) {
        all->failed = 1;
        return;
    }
    for (int64_t n = begin; n < end; n++) {
        const float *x = all->source + n * s->channels * s->height * s->width;
        for (int64_t c = 0; c < s->channels; c++)
            for (int64_t y = 0; y < s->height; y++, x += s->width)
                memcpy(padded + c * plane + (y + s->padding) * stride + s->padding, x,
                       (size_t)s->width * 4);
        for (int64_t y = 0; y < high; y++)
            for (int64_t place = 0; place < wide; place++) {
                float *patch = all->target + ((n * high + y) * wide + place) * size;
                if (s->side == 3)
                    cut_place(padded + y * stride + place, s, 3, stride, plane, patch);
                else
                    cut_place(padded + y * stride + place, s, s->side, stride, plane, patch);
            }
    }
}

/* An element gets the values of its offsets (i, j) in row order if places come last one first. */
static void paste_range(void *context, int64_t begin, int64_t end)
{
    images *all = context;
    const shape *s = &all->s;
    int64_t stride = s->width + 2 * s->padding, plane = stride * (s->height + 2 * s->padding);
    int64_t high = get_high(s), wide = get_wide(s), size = s->channels * s->side * s->side;
    for (int64_t n = begin; n < end; n++) {
        float *padded = get_border(s), *x = all->target + n * s->channels * s->height * s->width;
        if (!padded) {
            all->failed = 1;
            return;
        }
        for (int64_t y = high - 1; y >= 0; y--)
            for (int64_t place = wide - 1; place >= 0; place--) {
                const float *patch = all->source + ((n * high + y) * wide + place) * size;
                if (s->side == 3)
                    paste_place(padded + y * stride + place, s, 3, stride, plane, patch);
                else
                    paste_place(padded + y * stride + place, s, s->side, stride, plane, patch);
            }
        for (int64_t c = 0; c < s->channels; c++)
            for (int64_t y = 0; y < s->height; y++, x += s->width)
                memcpy(x, padded + c * plane + (y + s->padding) * stride + s->padding,
                       (size_t)s->width * 4);
    }
}

static int run(range_function range, const float *source, float *target, const int64_t *sizes)
{
    images all = {.source = source, .target = target};
    memcpy(&all.s, sizes, sizeof all.s);
    int64_t work = get_high(&all.s) * get_wide(&all.s) * all.s.channels * all.s.side * all.s.side;
    parallel_for(range, &all, all.s.count, 1 + GRAIN / (work + 1), 1);
    return all.failed ? REFUSED : DONE;
}

/* patches = the patches of the images x. */
EXPORT int walrusd_cut_patches(const float *x, float *patches, const int64_t *sizes)
{
    return run(cut_range, x, patches, sizes);
}

/* x = from zeros, the sums of the patches where they overlap. */
EXPORT int walrusd_paste_patches(const float *patches, float *x, const int64_t *sizes)
{
    return run(paste_range, patches, x, sizes);
}
