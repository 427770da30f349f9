"""The example of SPEC chapter 10, from ``runs.json``: what is hashed, field by field."""

import struct

from .files import load
from .forms import FORMS, prefix


def render_form(form):
    """Return a form as lines: the fields' bytes, which joined are hashed, and the hash."""
    named = {"tag": prefix(form["tag"]).hex()}
    named |= {name: form[name] for name in FORMS[form["tag"]] if name in form}
    assert "".join(named.values()) == form["preimage"]
    lines = [f"  {name:<15} {value}" for name, value in named.items()]
    return "\n".join([form["tag"], *lines, f"  = {form['hash']}"])


def render_example():
    """Return the blocks of the example: a segment that ends, and one that aborts."""
    runs = load("runs")
    forms = {}
    for form in runs["run"]["forms"]:
        forms.setdefault(form["tag"], form)
    whole = [forms[tag] for tag in ("CTX", "STATE", "CHAIN", "STEP", "DIGEST", "SLOT", "LEAF")]
    return [
        "\n".join(map(render_form, whole)),
        "\n".join(
            render_form(form)
            for form in runs["bad_row"]["forms"]
            if form["tag"] in ("ABORT", "LEAF")
        ),
    ]


def bits_of(text):
    """Return the word of an ``f32`` in the form of a plan's numbers."""
    return int.from_bytes(struct.pack("<f", float.fromhex(text)), "little")


def spell_leaf(*words):
    """Return what is hashed for a leaf of some words, in groups."""
    groups = [f"{word:08x}" for word in words]
    spelled = [bytes.fromhex(group)[::-1].hex() for group in groups]
    return " ".join(["00", f"{len(words):02x}", *spelled])


def render_sentences():
    """Return, by what they say, values that stand in the text of the example."""
    runs = load("runs")
    run = runs["run"]
    first, second = run["segments"][0]["steps"]
    entries = run["start_entry_roots"]
    return {
        "manifest": run["manifest"],
        "entries": f"{len(entries)} entries",
        "root of the steps": entries[-1],
        "leaf of the steps": spell_leaf(0, 0),
        "leaf of the losses": spell_leaf(*map(bits_of, first["losses"])),
        "losses": "`, `".join(first["losses"]),
        "cost": f"{run['cost']:,}",
        "chain after step 2": second["chain"],
        "leaf 0": run["leaf_0"],
        "trace root": run["trace_root"],
        "update root": run["update_root"],
        "trace root of the abort": runs["bad_row"]["trace_root"],
    }


if __name__ == "__main__":
    print("\n\n".join([*render_example(), *map(str, render_sentences().items())]))
