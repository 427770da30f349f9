/* Causal attention (SPEC.md, chapter 4), one head after the other on each thread.

   Scores, exponentials and their gradients stay in the caches for a block of rows at a time, and
   only the keys that a block may look at are multiplied. All products are exact, so that the bits
   do not depend on the blocks. */

#include "arithmetic.h"
#include "fold.h"
#include "product.h"

/* Rows of a block; also the granularity to which the exponentials are stored, zeros included. */
#define BLOCK 32
#define SCORE_FLOOR (-64.0f)
#define EXPONENTIAL_MAGIC 12.0f /* 1.5 · 2^23 · 2^−20 */

enum { SLOT_LEFT, SLOT_RIGHT, SLOT_OTHER, SLOT_THIRD, SLOT_TILE, SLOT_WIDE, SLOT_HEAD };

/* A tensor (batch, heads, T, width): the last axis is contiguous, the others have strides. */
typedef struct {
    int64_t batch, head, row;
} strides;

typedef struct {
    int64_t batch, heads, groups, length, width;
    strides in[3];
} shape;

INLINE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

INLINE int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- Operands on their grids --------------------------------------------------------------- */

typedef struct {
    const float *x;
    float *y;
    strides in;
    int64_t heads, length, width;
    float factor, magic;
    uint32_t largest;
} head_grid;

INLINE const float *find_row(const float *x, const strides *in, int64_t heads, int64_t length,
                             int64_t number)
{
    int64_t head = number / length;
    return x + head / heads * in->batch + head % heads * in->head + number % length * in->row;
}

CLONES static void head_largest_range(void *context, int64_t begin, int64_t end)
{
    head_grid *all = context;
    uint32_t largest = 0;
    for (int64_t i = begin; i < end; i++) {
        const float *x = find_row(all->x, &all->in, all->heads, all->length, i);
        for (int64_t j = 0; j < all->width; j++) {
            uint32_t bits = magnitude(x[j]);
            largest = bits > largest ? bits : largest;
        }
    }
    raise_to(&all->largest, largest);
}

CLONES static void head_round_range(void *context, int64_t begin, int64_t end)
{
    const head_grid *all = context;
    for (int64_t i = begin; i < end; i++) {
        const float *x = find_row(all->x, &all->in, all->heads, all->length, i);
        float *y = all->y + i * all->width;
        for (int64_t j = 0; j < all->width; j++)
            y[j] = (x[j] * all->factor + all->magic) - all->magic;
    }
}

/* y = the grid values of x · factor, contiguous. */
static int round_heads(const float *x, float *y, strides in, int64_t batch, int64_t heads,
                       int64_t length, int64_t width, float factor, int bits)
{
    head_grid all = {x, y, in, heads, length, width, factor, 0.0f, 0};
    int64_t rows = batch * heads * length, grain = 1 + GRAIN / width;
    parallel_for(head_largest_range, &all, rows, grain, 1);
    if (all.largest > LARGEST_FINITE)
        return REFUSED;
    /* Rounding is monotone: the largest product is the product of the largest. */
    all.magic = find_magic(magnitude(make_float(all.largest) * factor), bits);
    if (all.magic == 0.0f)
        return REFUSED;
    parallel_for(head_round_range, &all, rows, grain, 1);
    return DONE;
}

/* ---- Panels -------------------------------------------------------------------------------- */

/* Right panels whose columns are the columns of x, (depth, columns). Panel j starts at
   j * kernel columns * depth. */
static double *pack_columns(const product_kernels *k, int slot, const float *x, int64_t depth,
                            int64_t columns)
{
    double *panels = get_scratch(slot, round_up(columns, k->columns) * depth * 8);
    for (int64_t j = 0; panels && j < columns; j += k->columns)
        k->pack_right(panels + j * depth, x + j, 1, columns,
                      (int)smaller(columns - j, k->columns), depth);
    return panels;
}

/* Right panels whose columns are the rows of x, (columns, depth). */
static double *pack_rows(const product_kernels *k, int slot, const float *x, int64_t columns,
                         int64_t depth)
{
    double *panels = get_scratch(slot, round_up(columns, k->columns) * depth * 8);
    for (int64_t j = 0; panels && j < columns; j += k->columns)
        k->pack_right(panels + j * depth, x + j * depth, depth, 1,
                      (int)smaller(columns - j, k->columns), depth);
    return panels;
}

/* ---- Forward ------------------------------------------------------------------------------- */

typedef struct {
    shape s;
    const float *q, *k, *v;
    float *exponentials, *sums, *output;
    int failed;
} forward;

#define LANES 16

/* The largest of `count` scores, rounded to float32 into `rounded`. */
INLINE float round_scores(const double *scores, int64_t count, float *rounded)
{
    float lanes[LANES], largest = -INFINITY;
    int64_t j = 0;
    for (int i = 0; i < LANES; i++)
        lanes[i] = largest;
    for (; j + LANES <= count; j += LANES)
        for (int i = 0; i < LANES; i++) {
            float x = (float)scores[j + i];
            rounded[j + i] = x;
            lanes[i] = x > lanes[i] ? x : lanes[i];
        }
    for (; j < count; j++) {
        rounded[j] = (float)scores[j];
        lanes[0] = rounded[j] > lanes[0] ? rounded[j] : lanes[0];
    }
    for (int i = 0; i < LANES; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

/* Exponentials of a row of scores; returns their sum, NaN if a score has overflowed. They are
   multiples of 2^−20 up to 1, so that sums are exact in any order, as integers 1024 terms at a
   time. */
CLONES static float exponentiate(const double *scores, int64_t count, float *e)
{
    float largest = round_scores(scores, count, e);
    if (magnitude(largest) > LARGEST_FINITE) {
        memset(e, 0, (size_t)count * sizeof(float));
        return NAN;
    }
    double sum = 0.0;
    for (int64_t first = 0; first < count; first += 1024) {
        int64_t last = smaller(count, first + 1024);
        int32_t units = 0;
        for (int64_t j = first; j < last; j++) {
            float t = e[j] - largest;
            t = t < SCORE_FLOOR ? SCORE_FLOOR : t;
            e[j] = (compute_exp2(t) + EXPONENTIAL_MAGIC) - EXPONENTIAL_MAGIC;
            units += (int32_t)(e[j] * 0x1p20f);
        }
        sum += (double)units * 0x1p-20;
    }
    return (float)sum;
}

CLONES static void divide_row(const double *tile, float divisor, int64_t count, float *out)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (float)tile[j] / divisor;
}

static void attend_head(forward *all, int64_t number)
{
    const product_kernels *k = get_product_kernels();
    const shape *s = &all->s;
    int64_t length = s->length, width = s->width, group = s->heads / s->groups;
    int64_t other = number / s->heads * s->groups + number % s->heads / group;
    const float *q = all->q + number * length * width;
    int64_t score_stride = round_up(length, k->columns), out_stride = round_up(width, k->columns);
    double *keys = pack_rows(k, SLOT_RIGHT, all->k + other * length * width, length, width);
    double *values = pack_columns(k, SLOT_OTHER, all->v + other * length * width, length, width);
    double *left = get_scratch(SLOT_LEFT, k->rows * (length > width ? length : width) * 8);
    double *tile = get_scratch(SLOT_TILE, k->rows * score_stride * 8);
    double *out = get_scratch(SLOT_WIDE, k->rows * out_stride * 8);
    if (!keys || !values || !left || !tile || !out) {
        all->failed = 1;
        return;
    }
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows);
        int64_t seen = smaller(length, round_up(row + 1, BLOCK));
        float *e = all->exponentials + (number * length + row) * length;
        k->pack_left(left, q + row * width, width, 1, (int)rows, width);
        for (int64_t j = 0; j < row + rows; j += k->columns)
            k->multiply(width, left, keys + j * width, tile + j, score_stride, 0);
        for (int64_t i = 0; i < rows; i++) {
            float *line = e + i * length;
            all->sums[number * length + row + i] =
                exponentiate(tile + i * score_stride, row + i + 1, line);
            memset(line + row + i + 1, 0, (size_t)(seen - row - i - 1) * sizeof(float));
        }
        k->pack_left(left, e, length, 1, (int)rows, row + rows);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply(row + rows, left, values + j * length, out + j, out_stride, 0);
        for (int64_t i = 0; i < rows; i++)
            divide_row(out + i * out_stride, all->sums[number * length + row + i], width,
                       all->output + (number * length + row + i) * width);
    }
}

static void forward_range(void *context, int64_t begin, int64_t end)
{
    forward *all = context;
    for (int64_t number = begin; number < end && !all->failed; number++)
        attend_head(all, number);
}

/* Inputs by their strides; everything else contiguous: grids as the inputs, exponentials
   (batch, heads, T, T) below the diagonal, sums (batch, heads, T), output as q. `sizes` holds
   batch, heads, heads of k and v, T, width, then the strides of q, k and v. */
EXPORT int walrusd_attention(const float *q, const float *k, const float *v, float *grid_q,
                             float *grid_k, float *grid_v, float *exponentials, float *sums,
                             float *output, const int64_t *sizes, float scale, int bits)
{
    if (get_product_kernels() == NULL)
        return REFUSED;
    forward all = {.q = grid_q,
                   .k = grid_k,
                   .v = grid_v,
                   .exponentials = exponentials,
                   .sums = sums,
                   .output = output};
    shape *s = &all.s;
    memcpy(s, sizes, sizeof *s);
    if (round_heads(q, grid_q, s->in[0], s->batch, s->heads, s->length, s->width, scale, bits) ||
        round_heads(k, grid_k, s->in[1], s->batch, s->groups, s->length, s->width, 1.0f, bits) ||
        round_heads(v, grid_v, s->in[2], s->batch, s->groups, s->length, s->width, 1.0f, bits))
        return REFUSED;
    int64_t work = s->length * s->length * s->width;
    parallel_for(forward_range, &all, s->batch * s->heads, 1 + GRAIN / (work + 1), 1);
    return all.failed ? REFUSED : DONE;
}

/* ---- Backward ------------------------------------------------------------------------------ */

typedef struct {
    shape s;
    strides out;
    const float *gradient, *output, *q, *k, *v, *exponentials, *sums;
    float *divided, *deltas, *dq, *dk, *dv;
    float q_factor, k_factor, magic;
    int bits;
    uint32_t largest;
    int failed;
} backward;

/* Rows of dO' = dO / l and of delta = fold(dO' · O). */
CLONES static void divide_range(void *context, int64_t begin, int64_t end)
{
    backward *all = context;
    const shape *s = &all->s;
    int64_t width = s->width;
    uint32_t largest = 0;
    float *products = get_scratch(SLOT_TILE, 2 * width * (int64_t)sizeof(float));
    if (!products) {
        all->failed = 1;
        return;
    }
    for (int64_t number = begin; number < end; number++) {
        const float *dy = find_row(all->gradient, &all->out, s->heads, s->length, number);
        const float *y = all->output + number * width;
        float *divided = all->divided + number * width, sum = all->sums[number];
        for (int64_t j = 0; j < width; j++) {
            divided[j] = dy[j] / sum;
            uint32_t bits = magnitude(divided[j]);
            largest = bits > largest ? bits : largest;
            products[j] = divided[j] * y[j];
        }
        all->deltas[number] = fold_row(products, width, products + width);
    }
    raise_to(&all->largest, largest);
}

CLONES static double weigh_row(double *line, const float *e, int64_t count, double delta)
{
    double lanes[LANES / 2] = {0.0}, largest = 0.0;
    int64_t j = 0;
    for (; j + LANES / 2 <= count; j += LANES / 2)
        for (int i = 0; i < LANES / 2; i++) {
            double x = (line[j + i] - delta) * (double)e[j + i];
            line[j + i] = x;
            x = x < 0.0 ? -x : x;
            lanes[i] = x > lanes[i] ? x : lanes[i];
        }
    for (; j < count; j++) {
        line[j] = (line[j] - delta) * (double)e[j];
        lanes[0] = fabs(line[j]) > lanes[0] ? fabs(line[j]) : lanes[0];
    }
    for (int i = 0; i < LANES / 2; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

CLONES static void scale_row(const double *tile, float factor, int64_t count, float *out)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (float)tile[j] * factor;
}

CLONES static void round_head(const float *x, float magic, int64_t count, float *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = (x[i] + magic) - magic;
}

static void attend_head_backward(backward *all, int64_t number)
{
    const product_kernels *k = get_product_kernels();
    const shape *s = &all->s;
    int64_t length = s->length, width = s->width, group = s->heads / s->groups;
    int64_t other = number / s->heads * s->groups + number % s->heads / group;
    int64_t base = number * length * width, stride = round_up(length, k->columns);
    int64_t out_stride = round_up(width, k->columns);
    const float *e = all->exponentials + number * length * length;
    float *rounded = get_scratch(SLOT_THIRD, length * width * 4);
    double *left = get_scratch(SLOT_LEFT, k->rows * (length > width ? length : width) * 8);
    double *out = get_scratch(SLOT_WIDE, k->rows * out_stride * 8);
    double *scores = get_scratch(SLOT_HEAD, round_up(length, k->rows) * stride * 8);
    double *panels = NULL, *values = NULL;
    if (rounded) {
        round_head(all->divided + base, all->magic, length * width, rounded);
        panels = pack_columns(k, SLOT_RIGHT, rounded, length, width);
        values = pack_rows(k, SLOT_OTHER, all->v + other * length * width, length, width);
    }
    if (!rounded || !left || !out || !scores || !panels || !values) {
        all->failed = 1;
        return;
    }

    /* dV: a key is seen by the rows from its own block on. */
    for (int64_t key = 0; key < length; key += k->rows) {
        int64_t keys = smaller(length - key, k->rows), from = key / BLOCK * BLOCK;
        k->pack_left(left, e + from * length + key, 1, length, (int)keys, length - from);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply(length - from, left, panels + j * length + from * k->columns, out + j,
                        out_stride, 0);
        for (int64_t i = 0; i < keys; i++)
            scale_row(out + i * out_stride, 1.0f, width, all->dv + base + (key + i) * width);
    }

    /* R = (dO' · Vᵀ − delta) · e, and its largest magnitude. */
    double largest = 0.0;
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows);
        int64_t seen = smaller(length, round_up(row + 1, BLOCK));
        k->pack_left(left, rounded + row * width, width, 1, (int)rows, width);
        for (int64_t j = 0; j < row + rows; j += k->columns)
            k->multiply(width, left, values + j * width, scores + row * stride + j, stride, 0);
        for (int64_t i = row; i < row + rows; i++) {
            double found = weigh_row(scores + i * stride, e + i * length, i + 1,
                                     (double)all->deltas[number * length + i]);
            largest = found > largest ? found : largest;
            memset(scores + i * stride + i + 1, 0, (size_t)(seen - i - 1) * sizeof(double));
        }
    }
    if (!(largest < 0x1p900)) {
        all->failed = 1;
        return;
    }
    int exponent = SMALLEST_UNIT + all->bits;
    if (largest > 0.0)
        frexp(largest, &exponent);
    exponent = exponent - all->bits < SMALLEST_UNIT ? SMALLEST_UNIT : exponent - all->bits;
    double magic = ldexp(1.5, 52 + exponent);

    /* dq = G · k, then dk = Gᵀ · q. */
    panels = pack_columns(k, SLOT_RIGHT, all->k + other * length * width, length, width);
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows);
        k->pack_left_wide(left, scores + row * stride, stride, 1, (int)rows, row + rows, magic);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply(row + rows, left, panels + j * length, out + j, out_stride, 0);
        for (int64_t i = 0; i < rows; i++)
            scale_row(out + i * out_stride, all->q_factor, width,
                      all->dq + base + (row + i) * width);
    }
    panels = pack_columns(k, SLOT_RIGHT, all->q + base, length, width);
    for (int64_t key = 0; key < length; key += k->rows) {
        int64_t keys = smaller(length - key, k->rows), from = key / BLOCK * BLOCK;
        k->pack_left_wide(left, scores + from * stride + key, 1, stride, (int)keys, length - from,
                          magic);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply(length - from, left, panels + j * length + from * k->columns, out + j,
                        out_stride, 0);
        for (int64_t i = 0; i < keys; i++)
            scale_row(out + i * out_stride, all->k_factor, width,
                      all->dk + base + (key + i) * width);
    }
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    backward *all = context;
    for (int64_t number = begin; number < end && !all->failed; number++)
        attend_head_backward(all, number);
}

/* `gradient` by the first strides of `sizes`; `divided` (as q) and `deltas` (batch, heads, T) are
   scratch; dq as q, dk and dv likewise with one head for each head of q. */
EXPORT int walrusd_attention_backward(const float *gradient, const float *output, const float *q,
                                      const float *k, const float *v, const float *exponentials,
                                      const float *sums, float *divided, float *deltas, float *dq,
                                      float *dk, float *dv, const int64_t *sizes, float q_factor,
                                      float k_factor, int bits)
{
    if (get_product_kernels() == NULL)
        return REFUSED;
    backward all = {.gradient = gradient,
                    .output = output,
                    .q = q,
                    .k = k,
                    .v = v,
                    .exponentials = exponentials,
                    .sums = sums,
                    .divided = divided,
                    .deltas = deltas,
                    .dq = dq,
                    .dk = dk,
                    .dv = dv,
                    .q_factor = q_factor,
                    .k_factor = k_factor,
                    .bits = bits};
    shape *s = &all.s;
    memcpy(s, sizes, sizeof *s);
    all.out = s->in[0];
    int64_t rows = s->batch * s->heads * s->length;
    parallel_for(divide_range, &all, rows, 1 + GRAIN / s->width, 1);
    all.magic = find_magic(all.largest, bits);
    if (all.failed || all.magic == 0.0f)
        return REFUSED;
    int64_t work = s->length * s->length * s->width;
    parallel_for(backward_range, &all, s->batch * s->heads, 1 + GRAIN / (work + 1), 1);
    return all.failed ? REFUSED : DONE;
}
