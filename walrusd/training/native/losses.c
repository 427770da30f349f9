/* Softmax cross-entropy (SPEC.md, chapter 5). */

#include "arithmetic.h"
#include "fold.h"
#include "product.h"

typedef struct {
    const float *logits;
    const int64_t *labels;
    float *losses, *gradient;
    int64_t classes;
    float scale;
    int failed;
} entropy;

CLONES static void entropy_range(void *context, int64_t begin, int64_t end)
{
    entropy *all = context;
    int64_t classes = all->classes;
    float *buffer = get_scratch(0, classes * (int64_t)sizeof(float));
    if (!buffer) {
        all->failed = 1;
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const float *z = all->logits + i * classes;
        float *e = all->gradient + i * classes, largest = z[0];
        for (int64_t j = 1; j < classes; j++)
            largest = z[j] > largest ? z[j] : largest;
        for (int64_t j = 0; j < classes; j++)
            e[j] = compute_exp(z[j] - largest);
        float total = fold_row(e, classes, buffer);
        for (int64_t j = 0; j < classes; j++)
            e[j] = (e[j] / total) * all->scale;
        int64_t label = all->labels[i];
        float target = z[label] - largest;
        e[label] = (compute_exp(target) / total - 1.0f) * all->scale;
        all->losses[i] = compute_log(total) - target;
    }
}

EXPORT int walrusd_cross_entropy(const float *logits, const int64_t *labels, float *losses,
                                 float *gradient, int64_t rows, int64_t classes, float scale)
{
    if (find_largest(logits, rows * classes) > LARGEST_FINITE)
        return REFUSED;
    for (int64_t i = 0; i < rows; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return REFUSED;
    entropy all = {logits, labels, losses, gradient, classes, scale, 0};
    parallel_for(entropy_range, &all, rows, 1 + GRAIN / (classes + 1), 1);
    return all.failed ? REFUSED : DONE;
}
