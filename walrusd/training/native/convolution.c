/* Convolutions with stride 1 as exact products (SPEC.md, chapter 4), without writing patches.

   Images are padded, so that the places a kernel offset looks at lie `offset` further on than the
   places of the output, counted in rows as wide as the padded image. The columns that this adds to
   the output's rows are computed and dropped, or hold zeros. */

#include "arithmetic.h"
#include "product.h"

enum { SLOT_WEIGHTS = 8, SLOT_PANEL, SLOT_SOURCES, SLOT_IMAGE, SLOT_BLOCK, SLOT_TOTAL };

/* Virtual places that are packed at once for a weight's gradient. */
#define PIECE 512

/* High and wide are the padded sides; the output has `rows` rows of `columns`. */
typedef struct {
    int64_t count, channels, high, wide, outputs, kernel;
} sizes;

typedef struct {
    sizes s;
    int64_t rows, columns, places, area, depth;
    const float *x, *weight, *bias, *dy;
    float *y;
    int64_t padding;
    int failed;
} convolution;

INLINE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

INLINE int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static convolution describe(const int64_t *numbers)
{
    convolution all = {.failed = 0};
    memcpy(&all.s, numbers, sizeof all.s);
    all.rows = all.s.high - all.s.kernel + 1;
    all.columns = all.s.wide - all.s.kernel + 1;
    all.places = all.rows * all.s.wide;
    all.area = all.s.high * all.s.wide;
    all.depth = all.s.channels * all.s.kernel * all.s.kernel;
    return all;
}

/* ---- Padding ------------------------------------------------------------------------------- */

typedef struct {
    const float *x;
    float *y;
    int64_t height, width, padding;
    float magic;
} padding;

CLONES static void pad_range(void *context, int64_t begin, int64_t end)
{
    const padding *all = context;
    int64_t wide = all->width + 2 * all->padding, high = all->height + 2 * all->padding;
    for (int64_t plane = begin; plane < end; plane++) {
        const float *x = all->x + plane * all->height * all->width;
        float *y = all->y + plane * high * wide + all->padding * wide + all->padding;
        for (int64_t i = 0; i < all->height; i++)
            for (int64_t j = 0; j < all->width; j++)
                y[i * wide + j] = (x[i * all->width + j] + all->magic) - all->magic;
    }
}

/* y (planes, height + 2 · padding, width + 2 · padding), zero before, takes the grid values. */
EXPORT int walrusd_quantise_padded(const float *x, float *y, int64_t planes, int64_t height,
                                   int64_t width, int64_t border, int bits)
{
    padding all = {x, y, height, width, border,
                   find_magic(find_largest(x, planes * height * width), bits)};
    if (all.magic == 0.0f)
        return REFUSED;
    parallel_for(pad_range, &all, planes, 1 + GRAIN / (height * width + 1), 1);
    return DONE;
}

/* ---- Forward ------------------------------------------------------------------------------- */

/* Where each row of a patch starts in an image: channel, then kernel row and column. */
static const float **list_sources(const convolution *all, const float *image)
{
    const float **sources = get_scratch(SLOT_SOURCES, all->depth * (int64_t)sizeof *sources);
    int64_t k = all->s.kernel;
    for (int64_t p = 0; sources && p < all->depth; p++)
        sources[p] = image + p / (k * k) * all->area + p / k % k * all->s.wide + p % k;
    return sources;
}

CLONES static void store_places(const convolution *all, const double *tile, int64_t stride,
                                int64_t first, int64_t count, int64_t outputs, const float *bias,
                                float *y)
{
    int64_t plane = all->rows * all->columns;
    for (int64_t lane = 0; lane < count;) {
        int64_t row = (first + lane) / all->s.wide, column = (first + lane) % all->s.wide;
        int64_t run = smaller(count - lane, all->s.wide - column);
        int64_t kept = smaller(run, all->columns - column);
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t i = 0; i < kept; i++)
                y[o * plane + row * all->columns + column + i] =
                    (float)tile[o * stride + lane + i] + bias[o];
        lane += run;
    }
}

static void convolve_range(void *context, int64_t begin, int64_t end)
{
    convolution *all = context;
    const product_kernels *k = get_product_kernels();
    int64_t outputs = all->s.outputs, depth = all->depth;
    double *weights = get_scratch(SLOT_WEIGHTS, round_up(outputs, k->rows) * depth * 8);
    double *panel = get_scratch(SLOT_PANEL, k->columns * depth * 8);
    double *tile = get_scratch(SLOT_BLOCK, (int64_t)k->rows * k->columns * 8);
    if (!weights || !panel || !tile || !list_sources(all, all->x)) {
        all->failed = 1;
        return;
    }
    for (int64_t o = 0; o < outputs; o += k->rows)
        k->pack_left(weights + o * depth, all->weight + o * depth, depth, 1,
                     (int)smaller(outputs - o, k->rows), depth);
    for (int64_t image = begin; image < end; image++) {
        const float **sources =
            list_sources(all, all->x + image * all->s.channels * all->area);
        float *y = all->y + image * outputs * all->rows * all->columns;
        for (int64_t t = 0; t < all->places; t += k->columns) {
            k->pack_right_steps(panel, sources, t, depth);
            for (int64_t o = 0; o < outputs; o += k->rows) {
                k->multiply(depth, weights + o * depth, panel, tile, k->columns, 0);
                store_places(all, tile, k->columns, t, smaller(k->columns, all->places - t),
                             smaller(outputs - o, k->rows), all->bias + o,
                             y + o * all->rows * all->columns);
            }
        }
    }
}

/* y = RN32(product) + bias. x is padded, on its grid, with 64 floats to spare behind it; `numbers`
   are the sizes above. The depth is at most EXACT_DEPTH. */
EXPORT int walrusd_convolve(const float *x, const float *weight, const float *bias, float *y,
                            const int64_t *numbers)
{
    if (get_product_kernels() == NULL)
        return REFUSED;
    convolution all = describe(numbers);
    all.x = x;
    all.weight = weight;
    all.bias = bias;
    all.y = y;
    parallel_for(convolve_range, &all, all.s.count,
                 1 + GRAIN / (all.places * all.depth * all.s.outputs + 1), 1);
    return all.failed ? REFUSED : DONE;
}

/* ---- Gradient by the input ----------------------------------------------------------------- */

CLONES static void add_tile(const double *tile, int64_t stride, int64_t rows, int64_t count,
                            float *sums, int64_t area)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < count; j++)
            sums[i * area + j] += (float)tile[i * stride + j];
}

static void input_range(void *context, int64_t begin, int64_t end)
{
    convolution *all = context;
    const product_kernels *k = get_product_kernels();
    int64_t outputs = all->s.outputs, channels = all->s.channels, kernel = all->s.kernel;
    int64_t panel_rows = round_up(channels, k->rows), wide = all->s.wide, area = all->area;
    double *weights = get_scratch(SLOT_WEIGHTS, panel_rows * outputs * kernel * kernel * 8);
    double *panels = get_scratch(SLOT_PANEL, round_up(all->places, k->columns) * outputs * 8);
    double *tile = get_scratch(SLOT_BLOCK, (int64_t)k->rows * k->columns * 8);
    float *sums = get_scratch(SLOT_IMAGE, (channels * area + kernel) * (int64_t)sizeof(float));
    if (!weights || !panels || !tile || !sums) {
        all->failed = 1;
        return;
    }
    for (int64_t offset = 0; offset < kernel * kernel; offset++)
        for (int64_t c = 0; c < channels; c += k->rows)
            k->pack_left(weights + (offset * panel_rows + c) * outputs,
                         all->weight + c * kernel * kernel + offset, kernel * kernel, all->depth,
                         (int)smaller(channels - c, k->rows), outputs);
    for (int64_t image = begin; image < end; image++) {
        const float *dy = all->dy + image * outputs * all->places;
        for (int64_t t = 0; t < all->places; t += k->columns)
            k->pack_right(panels + t * outputs, dy + t, 1, all->places,
                          (int)smaller(all->places - t, k->columns), outputs);
        memset(sums, 0, (size_t)(channels * area + kernel) * sizeof(float));
        /* Each place of the input takes its terms in the order of the offsets. */
        for (int64_t offset = 0; offset < kernel * kernel; offset++)
            for (int64_t t = 0; t < all->places; t += k->columns)
                for (int64_t c = 0; c < channels; c += k->rows) {
                    k->multiply(outputs, weights + (offset * panel_rows + c) * outputs,
                                panels + t * outputs, tile, k->columns, 0);
                    add_tile(tile, k->columns, smaller(channels - c, k->rows),
                             smaller(all->places - t, k->columns),
                             sums + c * area + offset / kernel * wide + offset % kernel + t, area);
                }
        int64_t height = all->s.high - 2 * all->padding, width = wide - 2 * all->padding;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < height; i++)
                memcpy(all->y + ((image * channels + c) * height + i) * width,
                       sums + c * area + (i + all->padding) * wide + all->padding,
                       (size_t)width * sizeof(float));
    }
}

/* dx, without the padding. dy is on its grid, its rows as wide as the padded image, zeros behind
   the output's columns. */
EXPORT int walrusd_convolve_input(const float *dy, const float *weight, float *dx,
                                  const int64_t *numbers, int64_t border)
{
    if (get_product_kernels() == NULL)
        return REFUSED;
    convolution all = describe(numbers);
    all.dy = dy;
    all.weight = weight;
    all.y = dx;
    all.padding = border;
    parallel_for(input_range, &all, all.s.count,
                 1 + GRAIN / (all.places * all.depth * all.s.outputs + 1), 1);
    return all.failed ? REFUSED : DONE;
}

/* ---- Gradient by the weights --------------------------------------------------------------- */

/* The number of output places among the first `place` virtual ones. */
INLINE int64_t count_real(const convolution *all, int64_t place)
{
    return place / all->s.wide * all->columns + smaller(place % all->s.wide, all->columns);
}

CLONES static void add_block(double *total, const double *block, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        total[i] += block[i];
}

/* Columns [begin, end) of the weights' gradient. */
static void weights_range(void *context, int64_t begin, int64_t end)
{
    convolution *all = context;
    const product_kernels *k = get_product_kernels();
    int64_t outputs = all->s.outputs, width = round_up(end - begin, k->columns);
    int64_t size = round_up(outputs, k->rows) * width, plane = all->rows * all->columns;
    double *left = get_scratch(SLOT_WEIGHTS, round_up(outputs, k->rows) * PIECE * 8);
    double *panel = get_scratch(SLOT_PANEL, (int64_t)k->columns * PIECE * 8);
    double *block = get_scratch(SLOT_BLOCK, size * 8), *total = get_scratch(SLOT_TOTAL, size * 8);
    if (!left || !panel || !block || !total || !list_sources(all, all->x)) {
        all->failed = 1;
        return;
    }
    memset(total, 0, (size_t)size * sizeof *total);
    int64_t filled = 0;
    int started = 0;
    for (int64_t image = 0; image < all->s.count; image++) {
        const float **sources =
            list_sources(all, all->x + image * all->s.channels * all->area);
        const float *dy = all->dy + image * outputs * all->places;
        for (int64_t t = 0; t < all->places;) {
            int64_t real = count_real(all, t), last = real + EXACT_DEPTH - filled;
            int64_t stop = last < plane ? last / all->columns * all->s.wide + last % all->columns
                                        : all->places;
            stop = smaller(stop, t + PIECE);
            int64_t terms = stop - t;
            for (int64_t o = 0; o < outputs; o += k->rows)
                k->pack_left(left + o * terms, dy + o * all->places + t, all->places, 1,
                             (int)smaller(outputs - o, k->rows), terms);
            for (int64_t j = begin; j < end; j += k->columns) {
                k->pack_right_lanes(panel, sources + j, t, (int)smaller(end - j, k->columns),
                                    terms);
                for (int64_t o = 0; o < outputs; o += k->rows)
                    k->multiply(terms, left + o * terms, panel, block + o * width + j - begin,
                                width, started);
            }
            started = 1;
            filled += count_real(all, stop) - real;
            t = stop;
            if (filled == EXACT_DEPTH) {
                add_block(total, block, size);
                filled = started = 0;
            }
        }
    }
    if (started)
        add_block(total, block, size);
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t j = begin; j < end; j++)
            all->y[o * all->depth + j] = (float)total[o * width + j - begin];
}

/* dweight (outputs, channels · kernel · kernel): sums over the output's places in the order image,
   row, column, in blocks of EXACT_DEPTH. x as in walrusd_convolve, dy as in
   walrusd_convolve_input. */
EXPORT int walrusd_convolve_weights(const float *x, const float *dy, float *dweight,
                                    const int64_t *numbers)
{
    if (get_product_kernels() == NULL)
        return REFUSED;
    convolution all = describe(numbers);
    all.x = x;
    all.dy = dy;
    all.y = dweight;
    const product_kernels *k = get_product_kernels();
    parallel_for(weights_range, &all, all.depth, k->columns, k->columns);
    return all.failed ? REFUSED : DONE;
}
