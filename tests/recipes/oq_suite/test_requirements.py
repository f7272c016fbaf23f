"""Requirements found in a specification, and assigned to slots."""

from hypothesis import given
from hypothesis import strategies as st

from recipes.oq_suite.requirements import Requirement, assign_to_slots, find_requirements, group_related


def test_ids_are_found_in_lists_tables_bold_text_and_headings():
    text = "# S\n- URS-001: a\n**URS-002** b\n  more\n\n| URS-003 | c |\n### REQ 4.2 d\nsee URS-001 for more\n"
    assert [(r.id, r.text) for r in find_requirements(text)] == [
        ("URS-001", "a"),
        ("URS-002", "b more"),
        ("URS-003", "c"),
        ("REQ 4.2", "d see URS-001 for more"),
    ]


def test_numbered_clauses_replace_missing_ids_and_paragraphs_replace_missing_clauses():
    assert [r.id for r in find_requirements("1.1 The system logs.\n1.2 The system prints.\n")] == ["1.1", "1.2"]
    assert [r.id for r in find_requirements("# Title\n\nIt logs.\n\nIt prints.\n")] == ["P-001", "P-002"]


def test_a_requirement_that_names_another_follows_it():
    requirements = [Requirement("A-1", "x", "s"), Requirement("A-2", "y", "t"), Requirement("A-3", "as in A-1", "t")]
    assert [r.id for r in group_related(requirements)] == ["A-1", "A-3", "A-2"]


@given(st.integers(1, 120), st.lists(st.integers(1, 10), min_size=1, max_size=12))
def test_assigned_requirements_leave_no_gap_and_batches_do_not_overlap(count, sizes):
    requirements = [Requirement(f"R-{n}", "", "") for n in range(count)]
    shares = assign_to_slots(requirements, sizes)
    assert len(shares) == sum(sizes) and all(shares)
    if count >= len(sizes):
        assert {r.id for share in shares for r in share} == {r.id for r in requirements}
        at, earlier = 0, set()
        for size in sizes:
            own = {r.id for share in shares[at : at + size] for r in share}
            assert not own & earlier
            earlier |= own
            at += size
