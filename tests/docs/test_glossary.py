"""The glossary is sorted and complete, and every link of docs/ leads somewhere."""

from collections import Counter

import pytest

from tests.docs.references import DOCS, ROOT, list_headings, list_links, make_anchor, read_prose

GLOSSARY = read_prose(DOCS / "glossary.md")
TERMS = list_headings(GLOSSARY)[1:]
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])
REQUIRED = """
Abort claim; Accuser; Aggregate; Archive; Attestation; Audit; Audit sample; Beacon; Blob; Bond;
Boundary; Challenge; Charge; Checkpoint (Sui); Checkpoint (training); Claim; Commit; Committee;
Contributor; Cost function; Crank; Credit; Data key; Dataset; Dataset owner; Deal; Draw; Envelope;
Epoch (Sui); Epoch (Walrus); Gas budget; Grant; Journal; Juror; Jury; Key request; Keystore;
Lapse; Leaf; Manifest (file); Manifest (task); Open window; Opening; Outbox; Parent; Plan; Policy;
Policy cap; Profile (network); Profile (numerics); Protection record; Publisher; Quilt; Receipt;
Reconcile; Replay; Report; Row commitment; Seat; Segment; Settlement; Sliver; Stake; State root;
Submission; Substitute; Task; Terms; Trace; Transcript; Twin; Update; Verdict; Verification file;
Verifier; Void; Wake; Work chain; Work digest
"""


def anchors_of(page):
    """Return the anchors of a page; a heading that comes again gets a number."""
    seen = Counter()
    for heading in list_headings(read_prose(page)):
        anchor = make_anchor(heading)
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def test_terms_are_sorted():
    assert sorted(TERMS, key=str.casefold) == TERMS
    assert len(set(TERMS)) == len(TERMS)


def test_the_terms_that_are_used_are_there():
    wanted = {" ".join(term.split()) for term in REQUIRED.split(";")}
    assert wanted <= set(TERMS)


def test_every_term_is_explained_in_a_few_sentences():
    for section in GLOSSARY.split("\n## ")[1:]:
        term, _, text = section.partition("\n")
        assert 20 <= len(text.strip()) <= 420, term


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in list_links(read_prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in set(anchors_of(target)), f"{page.name}: {link}"
