"""What SPEC.md says of hashes, and its example, against the vectors and the product."""

import re
from pathlib import Path

from tests.training.vectors.example import render_example, render_sentences
from tests.training.vectors.forms import FORMS, PREFIX, SECOND, SECOND_PREFIX, prefix
from walrusd.crypto.tags import Tag
from walrusd.training.run.aborts import ABORTS, compute_abort_code

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "walrusd" / "training" / "SPEC.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_the_example_is_a_vector():
    """``python -m tests.training.vectors.example`` prints what belongs there."""
    for block in render_example():
        assert f"```text\n{block}\n```" in PAGE
    example = PAGE.partition("\n### Example\n")[2].partition("\n## ")[0]
    for name, value in render_sentences().items():
        assert value in example, name


def test_the_page_has_every_form_with_as_many_fields():
    found = re.findall(r"H\(([A-Z-]+) ((?:‖ (?:[^()‖]|\([^()]*\))+)+)\)", PAGE)
    fields = {}
    for tag, rest in found:
        fields.setdefault(tag, set()).add(rest.count("‖"))
    expected = {tag: {len(names)} for tag, names in FORMS.items()}
    assert fields == expected | {"TAG": {1}}


def test_no_other_page_says_how_a_trace_is_hashed():
    tags = set(re.findall(r"H\(([A-Z-]+) ‖", PROTOCOL))
    assert tags & FORMS.keys() == set()


def test_the_tags_are_those_of_the_product():
    for tag in (*FORMS, "RANDOM"):
        product = Tag[tag.replace("-", "_")]
        assert product.prefix == prefix(tag)
        assert product.text.decode() == (SECOND_PREFIX if tag in SECOND else PREFIX) + tag


def test_the_numbers_of_aborts_are_those_of_the_product():
    rows = re.findall(r"^\| (\d) \| `([a-z._]+)` \|", PAGE, re.MULTILINE)
    assert {code: int(number) for number, code in rows} == {
        kind.code: int(compute_abort_code(kind(""))) for kind in ABORTS
    }
