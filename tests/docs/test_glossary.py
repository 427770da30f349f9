"""The glossary is sorted and complete."""

from tests.docs.references import DOCS, list_headings, read_prose

GLOSSARY = read_prose(DOCS / "glossary.md")
TERMS = list_headings(GLOSSARY)[1:]
REQUIRED = """
Abort claim; Accuser; Aggregate; Archive; Attestation; Audit; Audit sample; Beacon; Blob; Bond;
Boundary; Case; Challenge; Charge; Checkpoint (Sui); Checkpoint (training); Claim; Commit;
Committee; Contributor; Cost function; Crank; Credit; Data key; Dataset; Dataset owner; Deal;
Draw; Duty; Envelope; Epoch (Sui); Epoch (Walrus); Exposure; Gas budget; Grant; Ground; Journal;
Juror; Jury; Key request; Keystore; Lapse; Leaf; Manifest (file); Manifest (task); Once key;
Open window; Opening; Outbox; Parent; Part; Plan; Policy; Policy cap; Profile (network);
Profile (numerics); Protection record; Publisher; Quilt; Receipt; Reconcile; Record; Replay;
Report; Row commitment; Seat; Segment; Settlement; Sliver; Stake; State root; Subject; Submission;
Substitute; Task; Terms; Trace; Transcript; Twin; Update; Verdict; Verification file; Verifier;
Void; Wake; Work chain; Work digest
"""


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
