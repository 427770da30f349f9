/* Activations (SPEC.md, chapter 4). */

#include "arithmetic.h"

#define GELU_A 0x1.988454p+0f
#define GELU_B 0x1.2444f2p-4f
#define GELU_3B 0x1.b6676cp-3f

typedef struct {
    const float *x, *gate, *dy;
    float *y, *out;
} elements;

CLONES static void relu_backward_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *gate = all->gate, *dy = all->dy;
    float *out = all->out;
    for (int64_t i = begin; i < end; i++)
        out[i] = dy[i] * (gate[i] > 0.0f ? 1.0f : 0.0f);
}

/* dx = dy · (y > 0). */
EXPORT int walrusd_relu_backward(const float *dy, const float *y, float *dx, int64_t n)
{
    elements all = {.gate = y, .dy = dy, .out = dx};
    parallel_for(relu_backward_range, &all, n, GRAIN, 16);
    return DONE;
}

CLONES static void gelu_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x;
    float *y = all->y, *gate = all->out;
    for (int64_t i = begin; i < end; i++) {
        gate[i] = compute_sigmoid(((x[i] * x[i]) * GELU_B + GELU_A) * x[i]);
        y[i] = x[i] * gate[i];
    }
}

CLONES static void silu_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x;
    float *y = all->y, *gate = all->out;
    for (int64_t i = begin; i < end; i++) {
        gate[i] = compute_sigmoid(x[i]);
        y[i] = x[i] * gate[i];
    }
}

CLONES static void gelu_backward_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x, *gate = all->gate, *dy = all->dy;
    float *out = all->out;
    for (int64_t i = begin; i < end; i++) {
        float slope = ((x[i] * x[i]) * GELU_3B + GELU_A) * x[i];
        out[i] = ((slope * (1.0f - gate[i]) + 1.0f) * gate[i]) * dy[i];
    }
}

CLONES static void silu_backward_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x, *gate = all->gate, *dy = all->dy;
    float *out = all->out;
    for (int64_t i = begin; i < end; i++)
        out[i] = ((x[i] * (1.0f - gate[i]) + 1.0f) * gate[i]) * dy[i];
}

EXPORT int walrusd_gelu(const float *x, float *y, float *gate, int64_t n)
{
    elements all = {.x = x, .y = y, .out = gate};
    parallel_for(gelu_range, &all, n, GRAIN, 16);
    return DONE;
}

EXPORT int walrusd_silu(const float *x, float *y, float *gate, int64_t n)
{
    elements all = {.x = x, .y = y, .out = gate};
    parallel_for(silu_range, &all, n, GRAIN, 16);
    return DONE;
}

EXPORT int walrusd_gelu_backward(const float *dy, const float *x, const float *gate, float *dx,
                                 int64_t n)
{
    elements all = {.x = x, .gate = gate, .dy = dy, .out = dx};
    parallel_for(gelu_backward_range, &all, n, GRAIN, 16);
    return DONE;
}

EXPORT int walrusd_silu_backward(const float *dy, const float *x, const float *gate, float *dx,
                                 int64_t n)
{
    elements all = {.x = x, .gate = gate, .dy = dy, .out = dx};
    parallel_for(silu_backward_range, &all, n, GRAIN, 16);
    return DONE;
}
