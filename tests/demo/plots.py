"""The loss curves, as a picture and as text."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import plotext

mpl.use("Agg")
from matplotlib import pyplot as plt

Curves = Mapping[str, Sequence[float]]

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def write_png(path: Path, curves: Curves, forged: str) -> None:
    """Write the curves to a picture; that of ``forged``, which was invented, is dashed."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, losses in sorted(curves.items()):
        label = f"{name} (invented)" if name == forged else name
        axes.plot(range(1, len(losses) + 1), losses, "--" if name == forged else "-", label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("mean loss of the batch")
    axes.set_title("Loss as each contributor reported it")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_text(curves: Curves, forged: str, width: int = 78, height: int = 18) -> str:
    """Return the curves as text without colours; each is drawn with its name's first letter."""
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.title("loss by step")
    for name, losses in sorted(curves.items()):
        steps = list(range(1, len(losses) + 1))
        signal = figure.signal(steps, list(losses), marker=name[0])
        signal.label(f"{name} (invented)" if name == forged else name)
        figure.draw(signal)
    longest = max((len(losses) for losses in curves.values()), default=1)
    highest = max((max(losses, default=0.0) for losses in curves.values()), default=0.0)
    figure.legend(x=longest, y=highest, ha="right", relative=True)
    return _ESCAPES.sub("", str(figure.build()))
