"""LayerNorm and RMSNorm over the last axis of a matrix of rows."""

from .arithmetic import f32, fold_rows, mean, reciprocal_sqrt


def layer_norm(x, gain, bias, epsilon):
    centred = x - mean(x)[:, None]
    scale = reciprocal_sqrt(mean(centred * centred) + f32(epsilon))[:, None]
    unit = centred * scale

    def backward(dy):
        inner = dy * gain
        middle = mean(inner)[:, None]
        along = mean(inner * unit)[:, None]
        dx = ((inner - middle) - unit * along) * scale
        return dx, fold_rows(dy * unit), fold_rows(dy)

    return unit * gain + bias, backward


def rms_norm(x, gain, epsilon):
    scale = reciprocal_sqrt(mean(x * x) + f32(epsilon))[:, None]
    unit = x * scale

    def backward(dy):
        inner = dy * gain
        along = mean(inner * unit)[:, None]
        return (inner - unit * along) * scale, fold_rows(dy * unit)

    return unit * gain, backward
