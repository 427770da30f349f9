/* Causal attention by integers of 8 bits (SPEC.md, chapter 11), one head after the other on each
   thread. Only the keys that a block of rows may look at are multiplied; what is masked is zero. */

#include "arithmetic.h"
#include "lines.h"
#include "product.h"

#define SCORE_FLOOR (-64.0f)
#define NUMERATOR_SCALE 256.0f
#define ROUND 12582912.0f

enum { SLOT_LEFT, SLOT_RIGHT, SLOT_OTHER, SLOT_TILE, SLOT_OUT, SLOT_INVERSE, SLOT_HEAD, SLOT_UNITS };

INLINE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

INLINE int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Sizes of all heads; keys and values have `groups` heads for each `heads` of the queries. */
typedef struct {
    int64_t count, heads, groups, length, width;
} shape;

INLINE int64_t find_key_head(const shape *s, int64_t number)
{
    return number / s->heads * s->groups + number % s->heads / (s->heads / s->groups);
}

/* Right panels, panel j at j * pairs. Their lanes are the rows of x, (lanes, depth), or, where
   `by_columns`, its columns, (depth, lanes). */
static int32_t *pack_panels(const line_kernels *k, int slot, const float *x, const float *units,
                            int64_t lanes, int64_t depth, int by_columns)
{
    int64_t pairs = (depth + 1) / 2;
    int32_t *panels = get_scratch(slot, round_up(lanes, k->columns) * pairs * 4);
    float *inverse = get_scratch(SLOT_INVERSE, lanes * 4);
    if (!panels || !inverse)
        return NULL;
    invert_units(units, lanes, inverse);
    for (int64_t j = 0; j < lanes; j += k->columns)
        k->pack_right(panels + j * pairs, x + (by_columns ? j : j * depth), by_columns ? 1 : depth,
                      by_columns ? lanes : 1, inverse + j, (int)smaller(lanes - j, k->columns),
                      depth);
    return panels;
}

CLONES static void scale_row(const int32_t *tile, float unit, const float *units, int64_t count,
                             float *out)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (float)tile[j] * unit * units[j];
}

/* ---- Forward ------------------------------------------------------------------------------- */

typedef struct {
    shape s;
    const float *q, *q_units, *k, *k_units, *v, *v_units;
    int16_t *numerators;
    float *sums, *output, *scores;
    int failed;
} forward;

#define LANES 16

/* Scores of a row, and the largest of them. */
INLINE float scale_scores(const int32_t *tile, float unit, const float *units, int64_t count,
                          float *scores)
{
    float lanes[LANES], largest = -INFINITY;
    int64_t j = 0;
    for (int i = 0; i < LANES; i++)
        lanes[i] = largest;
    for (; j + LANES <= count; j += LANES)
        for (int i = 0; i < LANES; i++) {
            float x = (float)tile[j + i] * unit * units[j + i];
            scores[j + i] = x;
            lanes[i] = x > lanes[i] ? x : lanes[i];
        }
    for (; j < count; j++) {
        scores[j] = (float)tile[j] * unit * units[j];
        lanes[0] = scores[j] > lanes[0] ? scores[j] : lanes[0];
    }
    for (int i = 0; i < LANES; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

/* Numerators of a row; returns their sum, NaN if a score has overflowed. */
CLONES static float weigh_scores(const int32_t *tile, float unit, const float *units, int64_t count,
                                 float *scores, int16_t *numerators)
{
    float largest = scale_scores(tile, unit, units, count, scores);
    if (magnitude(largest) > LARGEST_FINITE) {
        memset(numerators, 0, (size_t)count * sizeof(int16_t));
        return NAN;
    }
    int32_t sum = 0;
    for (int64_t j = 0; j < count; j++) {
        float t = scores[j] - largest;
        t = t < SCORE_FLOOR ? SCORE_FLOOR : t;
        int32_t n = (int32_t)((compute_exp2(t) * NUMERATOR_SCALE + ROUND) - ROUND);
        numerators[j] = (int16_t)n;
        sum += n;
    }
    return (float)sum;
}

CLONES static void divide_row(const int32_t *tile, const float *units, float divisor,
                              int64_t count, float *out)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (float)tile[j] * units[j] / divisor;
}

static void attend_head(forward *all, int64_t number)
{
    const line_kernels *k = get_line_kernels();
    const shape *s = &all->s;
    int64_t length = s->length, width = s->width, other = find_key_head(s, number);
    int64_t score_stride = round_up(length, k->columns), out_stride = round_up(width, k->columns);
    int64_t half_width = (width + 1) / 2, half_length = (length + 1) / 2;
    const float *q = all->q + number * length * width, *q_units = all->q_units + number * length;
    const float *k_units = all->k_units + other * length, *v_units = all->v_units + other * width;
    int32_t *keys = pack_panels(k, SLOT_RIGHT, all->k + other * length * width, k_units, length,
                                width, 0);
    int32_t *values = pack_panels(k, SLOT_OTHER, all->v + other * length * width, v_units, width,
                                  length, 1);
    int32_t *left = get_scratch(
        SLOT_LEFT, (k->rows * (length > width ? half_length : half_width) + PANEL_SLACK) * 4);
    int32_t *tile = get_scratch(SLOT_TILE, k->rows * score_stride * 4);
    int32_t *out = get_scratch(SLOT_OUT, k->rows * out_stride * 4);
    float *inverse = get_scratch(SLOT_UNITS, length * 4);
    float *scores = get_scratch(SLOT_HEAD, length * 4);
    if (!keys || !values || !left || !tile || !out || !inverse || !scores) {
        all->failed = 1;
        return;
    }
    invert_units(q_units, length, inverse);
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows), seen = row + rows;
        int16_t *n = all->numerators + (number * length + row) * length;
        float *sums = all->sums + number * length + row;
        k->pack_left(left, q + row * width, width, 1, inverse + row, (int)rows, width);
        for (int64_t j = 0; j < seen; j += k->columns)
            k->multiply(half_width, left, keys + j * half_width, tile + j, score_stride, 0);
        for (int64_t i = 0; i < rows; i++) {
            int16_t *line = n + i * length;
            sums[i] = weigh_scores(tile + i * score_stride, q_units[row + i], k_units, row + i + 1,
                                   scores, line);
            memset(line + row + i + 1, 0, (size_t)(length - row - i - 1) * sizeof(int16_t));
        }
        k->pack_integers(left, n, length, 1, (int)rows, seen);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply((seen + 1) / 2, left, values + j * half_length, out + j, out_stride, 0);
        for (int64_t i = 0; i < rows; i++)
            divide_row(out + i * out_stride, v_units, sums[i], width,
                       all->output + (number * length + row + i) * width);
    }
}

static void forward_range(void *context, int64_t begin, int64_t end)
{
    forward *all = context;
    for (int64_t number = begin; number < end && !all->failed; number++)
        attend_head(all, number);
}

/* Everything contiguous: q and output (count, T, width), with the units of the rows of q; k and v
   likewise for their own heads, with the units of the rows of k and of the columns of v;
   numerators (count, T, T), sums (count, T). `sizes` holds count, heads, heads of k and v, T, width. */
EXPORT int walrusd_line_attention(const float *q, const float *q_units, const float *k,
                                  const float *k_units, const float *v, const float *v_units,
                                  int16_t *numerators, float *sums, float *output,
                                  const int64_t *sizes)
{
    forward all = {.q = q,
                   .q_units = q_units,
                   .k = k,
                   .k_units = k_units,
                   .v = v,
                   .v_units = v_units,
                   .numerators = numerators,
                   .sums = sums,
                   .output = output};
    memcpy(&all.s, sizes, sizeof all.s);
    if (get_line_kernels() == NULL || all.s.length > EXACT_TERMS || all.s.width > EXACT_TERMS)
        return REFUSED;
    int64_t work = all.s.length * all.s.length * all.s.width;
    parallel_for(forward_range, &all, all.s.count, 1 + GRAIN / (work + 1), 1);
    return all.failed ? REFUSED : DONE;
}

/* ---- Backward ------------------------------------------------------------------------------ */

typedef struct {
    shape s;
    const float *d, *d_row_units, *d_column_units, *deltas;
    const float *q, *q_units, *k, *k_units, *v, *v_units;
    const int16_t *numerators;
    float *dq, *dk, *dv;
    float q_factor, k_factor;
    int failed;
} backward;

/* A row of R = (d · vᵀ − δ) × n; gathers its largest magnitude and those of the columns. */
CLONES static uint32_t weigh_row(const int32_t *tile, float unit, const float *units, float delta,
                                 const int16_t *n, int64_t count, float *line, uint32_t *by_column)
{
    uint32_t largest = 0;
    for (int64_t j = 0; j < count; j++) {
        float x = ((float)tile[j] * unit * units[j] - delta) * (float)n[j];
        uint32_t bits = magnitude(x);
        line[j] = x;
        largest = bits > largest ? bits : largest;
        by_column[j] = bits > by_column[j] ? bits : by_column[j];
    }
    return largest;
}

CLONES static void multiply_row(const int32_t *tile, float unit, const float *units, float factor,
                                int64_t count, float *out)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (float)tile[j] * unit * units[j] * factor;
}

static void attend_head_backward(backward *all, int64_t number)
{
    const line_kernels *k = get_line_kernels();
    const shape *s = &all->s;
    int64_t length = s->length, width = s->width, other = find_key_head(s, number);
    int64_t half_width = (width + 1) / 2, half_length = (length + 1) / 2;
    int64_t base = number * length * width, stride = round_up(length, k->columns);
    int64_t out_stride = round_up(width, k->columns);
    const int16_t *n = all->numerators + number * length * length;
    const float *d_units = all->d_row_units + number * length;
    const float *d_columns = all->d_column_units + number * width;
    const float *k_units = all->k_units + other * width, *q_units = all->q_units + number * width;
    int32_t *left = get_scratch(
        SLOT_LEFT, (k->rows * (length > width ? half_length : half_width) + PANEL_SLACK) * 4);
    int32_t *out = get_scratch(SLOT_OUT, k->rows * out_stride * 4);
    int32_t *tile = get_scratch(SLOT_TILE, k->rows * stride * 4);
    float *scores = get_scratch(SLOT_HEAD, length * stride * 4);
    /* Units of the rows and columns of R, one over them, and one over those of d. */
    float *units = get_scratch(SLOT_UNITS, 5 * length * 4);
    int32_t *panels = pack_panels(k, SLOT_RIGHT, all->d + base, d_columns, width, length, 1);
    int32_t *values = pack_panels(k, SLOT_OTHER, all->v + other * length * width,
                                  all->v_units + other * length, length, width, 0);
    if (!left || !out || !tile || !scores || !units || !panels || !values) {
        all->failed = 1;
        return;
    }
    float *columns = units + length, *inverse = units + 2 * length;
    uint32_t *by_row = (uint32_t *)units, *by_column = (uint32_t *)columns, largest = 0;

    /* dV: a key is seen by the rows from its own block on. */
    for (int64_t key = 0; key < length; key += k->rows) {
        int64_t keys = smaller(length - key, k->rows);
        k->pack_integers(left, n + key * length + key, 1, length, (int)keys, length - key);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply((length - key + 1) / 2, left,
                        panels + j * half_length + key / 2 * k->columns, out + j, out_stride, 0);
        for (int64_t i = 0; i < keys; i++)
            scale_row(out + i * out_stride, 1.0f, d_columns, width,
                      all->dv + base + (key + i) * width);
    }

    memset(columns, 0, (size_t)length * 4);
    invert_units(d_units, length, inverse + 2 * length);
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows), seen = row + rows;
        k->pack_left(left, all->d + base + row * width, width, 1, inverse + 2 * length + row,
                     (int)rows, width);
        for (int64_t j = 0; j < seen; j += k->columns)
            k->multiply(half_width, left, values + j * half_width, tile + j, stride, 0);
        for (int64_t i = row; i < seen; i++) {
            by_row[i] = weigh_row(tile + (i - row) * stride, d_units[i],
                                  all->v_units + other * length, all->deltas[number * length + i],
                                  n + i * length, i + 1, scores + i * stride, by_column);
            largest = by_row[i] > largest ? by_row[i] : largest;
            memset(scores + i * stride + i + 1, 0, (size_t)(seen - i - 1) * sizeof(float));
        }
    }
    if (largest > LARGEST_FINITE) {
        all->failed = 1;
        return;
    }
    for (int64_t i = 0; i < 2 * length; i++)
        units[i] = make_unit(get_bits(units[i]));
    invert_units(units, 2 * length, inverse);

    /* dq = mm(R, k), then dk = mm(Rᵀ, Q). */
    panels = pack_panels(k, SLOT_RIGHT, all->k + other * length * width, k_units, width, length, 1);
    for (int64_t row = 0; row < length; row += k->rows) {
        int64_t rows = smaller(length - row, k->rows);
        k->pack_left(left, scores + row * stride, stride, 1, inverse + row, (int)rows, row + rows);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply((row + rows + 1) / 2, left, panels + j * half_length, out + j, out_stride,
                        0);
        for (int64_t i = 0; i < rows; i++)
            multiply_row(out + i * out_stride, units[row + i], k_units, all->q_factor, width,
                         all->dq + base + (row + i) * width);
    }
    panels = pack_panels(k, SLOT_RIGHT, all->q + base, q_units, width, length, 1);
    for (int64_t key = 0; key < length; key += k->rows) {
        int64_t keys = smaller(length - key, k->rows);
        k->pack_left(left, scores + key * stride + key, 1, stride, inverse + length + key,
                     (int)keys, length - key);
        for (int64_t j = 0; j < width; j += k->columns)
            k->multiply((length - key + 1) / 2, left,
                        panels + j * half_length + key / 2 * k->columns, out + j, out_stride, 0);
        for (int64_t i = 0; i < keys; i++)
            multiply_row(out + i * out_stride, columns[key + i], q_units, all->k_factor, width,
                         all->dk + base + (key + i) * width);
    }
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    backward *all = context;
    for (int64_t number = begin; number < end && !all->failed; number++)
        attend_head_backward(all, number);
}

/* As in walrusd_line_attention; d (count, T, width) with the units of its rows and columns, deltas
   (count, T); the units of q and k are those of their columns, those of v of its rows; dq, dk and dv
   as q, with one head for each head of q. */
EXPORT int walrusd_line_attention_backward(
    const float *d, const float *d_row_units, const float *d_column_units, const float *deltas,
    const float *q, const float *q_units, const float *k, const float *k_units, const float *v,
    const float *v_units, const int16_t *numerators, float *dq, float *dk, float *dv,
    const int64_t *sizes, float q_factor, float k_factor)
{
    backward all = {.d = d,
                    .d_row_units = d_row_units,
                    .d_column_units = d_column_units,
                    .deltas = deltas,
                    .q = q,
                    .q_units = q_units,
                    .k = k,
                    .k_units = k_units,
                    .v = v,
                    .v_units = v_units,
                    .numerators = numerators,
                    .dq = dq,
                    .dk = dk,
                    .dv = dv,
                    .q_factor = q_factor,
                    .k_factor = k_factor};
    memcpy(&all.s, sizes, sizeof all.s);
    if (get_line_kernels() == NULL || all.s.length > EXACT_TERMS || all.s.width > EXACT_TERMS)
        return REFUSED;
    int64_t work = all.s.length * all.s.length * all.s.width;
    parallel_for(backward_range, &all, all.s.count, 1 + GRAIN / (work + 1), 1);
    return all.failed ? REFUSED : DONE;
}
