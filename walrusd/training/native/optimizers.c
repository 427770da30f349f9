/* Optimizer steps, in place (SPEC.md, rule 9). */

#include "arithmetic.h"

typedef struct {
    float *weights, *first, *second;
    const float *gradient;
    float lr, beta1, beta2, epsilon, decay;
} step;

CLONES static void sgd_range(void *context, int64_t begin, int64_t end)
{
    const step *all = context;
    float *weights = all->weights, *momenta = all->first, beta = all->beta1, lr = all->lr;
    const float *gradient = all->gradient;
    for (int64_t i = begin; i < end; i++) {
        float momentum = momenta[i] * beta + gradient[i];
        momenta[i] = momentum;
        weights[i] = weights[i] - momentum * lr;
    }
}

/* m = m·μ + g; p = p − m·lr. */
EXPORT int walrusd_sgd(float *weights, float *momenta, const float *gradient, int64_t n, float lr,
                       float momentum)
{
    step all = {.weights = weights,
                .first = momenta,
                .gradient = gradient,
                .lr = lr,
                .beta1 = momentum};
    parallel_for(sgd_range, &all, n, GRAIN, 16);
    return DONE;
}
