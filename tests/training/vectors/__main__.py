"""Compare or write the files; ``__init__.py`` says how."""

import sys

from .files import FOLDER, MAKERS, render


def main(arguments):
    """Return an exit status: 0 if all files are what is computed here, or were written."""
    if arguments not in ([], ["--write"]):
        print("usage: python -m tests.training.vectors [--write]", file=sys.stderr)
        return 2
    differing = []
    for name in MAKERS:
        path, text = FOLDER / f"{name}.json", render(name)
        if arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            differing.append(path.name)
    print("\n".join(f"{name} differs" for name in differing) or "all files are as computed")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
