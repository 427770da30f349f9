"""Forward and backward passes with specified bits, as functions of tensors.

Comments at the line give the shape of what it computes, here and in ``layers``, ``q8r``,
``native``, ``run`` and ``dispute``:

    b     rows of the dataset in a micro-batch
    t     places of a row: tokens of a sequence
    m     rows of a matrix: ``b``, or ``b·t`` where every place is one
    w     width: features of a row or of a place
    h, j  heads of the queries, and of the keys and values; ``h/j`` query heads share one of those
    d     width of a head: ``w = h·d``
    i, o  inputs and outputs of a linear map; of a convolution ``o`` are the output channels
    r     rank of an adapter
    c     channels of an image, or classes
    H, W  height and width of an image; ``H', W'`` after a convolution or a pooling
    k     side of a kernel; in a product ``(m, k) × (k, n)`` the axis that is summed over
    n     columns of a product
    s     side of a pooling window
    v     entries of the vocabulary

Tensors are float32 unless the line says otherwise.
"""
