"""Near-duplicates are found, versions are put in order, and people have the last word."""

import pytest
from django.db.models import F
from django.utils import timezone

from ingestion import queue
from kb.models import Document, KnowledgeBase, Section
from search import compared
from search.models import DocumentSketch, Resemblance
from search.organising.families import confirm, history_of, refuse, settle
from search.organising.near_duplicates import compare_new
from search.organising.versions import read_name
from tests.search.papers import paper, prose

State = Resemblance.State


def pairs(base) -> set[tuple[str, str, str]]:
    found = Resemblance.objects.filter(later__knowledge_base=base)
    return set(found.values_list("later__name", "earlier__name", "state"))


def superseded(base) -> dict[str, str]:
    rows = Document.objects.filter(knowledge_base=base, superseded_by__isnull=False)
    return dict(rows.values_list("name", "superseded_by__name"))


def test_a_new_version_is_known_by_its_name_and_text(handbook):
    paper(handbook, "Travel policy v1.docx", prose(1))
    paper(handbook, "Travel policy v2.docx", prose(1, changed=0.05))
    paper(handbook, "Cake recipes.docx", prose(2))
    assert compare_new(handbook) == 3
    assert superseded(handbook) == {"Travel policy v1.docx": "Travel policy v2.docx"}
    assert pairs(handbook) == {("Travel policy v2.docx", "Travel policy v1.docx", State.VERSION)}


def test_the_name_says_which_is_later_not_the_upload(handbook):
    paper(handbook, "Travel policy v2.docx", prose(1, changed=0.05))
    paper(handbook, "Travel policy v1.docx", prose(1))
    compare_new(handbook)
    assert superseded(handbook) == {"Travel policy v1.docx": "Travel policy v2.docx"}


def test_a_text_under_another_name_is_asked_about(handbook):
    paper(handbook, "Travel policy.docx", prose(1))
    paper(handbook, "How we travel.docx", prose(1, changed=0.05))
    compare_new(handbook)
    assert pairs(handbook) == {("How we travel.docx", "Travel policy.docx", State.SUGGESTED)}
    assert superseded(handbook) == {}
    assert 0.7 < Resemblance.objects.get().shared < 0.98


def test_the_same_text_in_another_format_is_asked_about(handbook):
    paper(handbook, "Travel policy.docx", prose(1))
    paper(handbook, "Travel policy.pdf", prose(1).replace(" ", "\n"), media_type="application/pdf")
    compare_new(handbook)
    pair = Resemblance.objects.get()
    assert (pair.state, pair.shared) == (State.SUGGESTED, 1.0)


def test_a_version_that_became_longer_is_found(handbook):
    paper(handbook, "Travel policy v1.docx", prose(1))
    paper(handbook, "Travel policy v2.docx", f"{prose(3, 600)}\n\n{prose(1)}")
    compare_new(handbook)
    pair = Resemblance.objects.get()
    assert (pair.state, pair.contained > 0.98, pair.shared < 0.7) == (State.VERSION, True, True)


def test_a_quotation_in_a_long_document_is_no_version(handbook):
    paper(handbook, "Memo.docx", prose(1, 100))
    paper(handbook, "Yearbook.docx", f"{prose(3, 2000)}\n\n{prose(1, 100)}")
    compare_new(handbook)
    assert pairs(handbook) == set()


def test_a_file_that_is_uploaded_again_with_changes_supersedes_the_first(handbook):
    paper(handbook, "policy.docx", prose(1), folder="Rules")
    paper(handbook, "policy.docx", prose(1, changed=0.05), folder="Rules")
    paper(handbook, "policy.docx", prose(1, changed=0.06), folder="Elsewhere")
    compare_new(handbook)
    assert Document.objects.filter(superseded_by__isnull=False).count() == 1
    assert {state for *_, state in pairs(handbook)} == {State.VERSION, State.SUGGESTED}


def test_a_series_of_monthly_reports_is_no_row_of_versions(handbook):
    for month in range(1, 9):
        paper(handbook, f"Report 2024-{month:02}.docx", f"{prose(1)} {prose(50 + month, 20)}")
    compare_new(handbook)
    assert superseded(handbook) == {}


def test_two_dates_of_one_policy_are_versions(handbook):
    for year in (2022, 2023, 2024):
        paper(handbook, f"Policy {year}.docx", prose(1, changed=(year - 2022) / 100))
    compare_new(handbook)
    assert superseded(handbook) == {"Policy 2022.docx": "Policy 2024.docx", "Policy 2023.docx": "Policy 2024.docx"}


def test_a_form_that_is_filled_in_again_and_again_is_not_asked_about(handbook):
    for number in range(24):
        paper(handbook, f"{chr(97 + number)}.docx", f"{prose(1)} {prose(50 + number, 20)}")
    compare_new(handbook)
    assert Resemblance.objects.filter(later__name="x.docx").count() == 0


def test_chinese_versions_are_found_by_characters(handbook):
    text = "".join(chr(0x4E00 + (n * 37) % 4000) for n in range(600))
    paper(handbook, "差旅制度 第1版.docx", text)
    paper(handbook, "差旅制度 第2版.docx", text[:300] + "修订了这一条款的内容" + text[310:])
    compare_new(handbook)
    assert superseded(handbook) == {"差旅制度 第1版.docx": "差旅制度 第2版.docx"}


def test_versions_stand_in_order(handbook):
    for number in (3, 1, 5, 2, 4):
        paper(handbook, f"Policy v{number}.docx", prose(1, changed=number / 100))
    compare_new(handbook)
    middle = Document.objects.get(name="Policy v3.docx")
    assert [each.name for each in history_of(middle)] == [f"Policy v{n}.docx" for n in (1, 2, 3, 4, 5)]
    assert set(superseded(handbook).values()) == {"Policy v5.docx"}
    assert history_of(paper(handbook, "Other.docx", "other")) == []


def test_deleting_the_newest_brings_the_one_before_back(handbook):
    for number in (1, 2, 3):
        paper(handbook, f"Policy v{number}.docx", prose(1, changed=number / 100))
    compare_new(handbook)
    queue.delete(Document.objects.get(name="Policy v3.docx"))
    assert superseded(handbook) == {"Policy v1.docx": "Policy v2.docx"}
    Document.objects.filter(name="Policy v3.docx").delete()
    settle(handbook)
    assert superseded(handbook) == {"Policy v1.docx": "Policy v2.docx"}


def test_versions_stay_together_when_the_one_between_is_deleted(handbook):
    one, two, three = (paper(handbook, f"{name}.docx", prose(seed)) for seed, name in enumerate("abc", 10))
    for later, earlier in ((two, one), (three, two)):
        confirm(Resemblance.objects.create(later=later, earlier=earlier, shared=0.5))
    queue.delete(two)
    Document.objects.filter(pk=two.pk).delete()
    settle(handbook)
    assert superseded(handbook) == {"a.docx": "c.docx"}


def test_a_person_says_yes_no_or_the_other_way_round(handbook):
    one, two = paper(handbook, "a.docx", prose(1)), paper(handbook, "b.docx", prose(1, changed=0.02))
    compare_new(handbook)
    pair = Resemblance.objects.get()
    confirm(pair)
    assert superseded(handbook) == {"a.docx": "b.docx"}
    confirm(pair, swap=True)
    assert superseded(handbook) == {"b.docx": "a.docx"}
    refuse(Resemblance.objects.get())
    assert superseded(handbook) == {}
    Document.objects.filter(pk__in=(one.pk, two.pk)).update(ready_at=timezone.now())
    compare_new(handbook)
    assert {state for *_, state in pairs(handbook)} == {State.DISMISSED}


def test_what_is_no_version_leaves_the_others_together(handbook):
    for number in (1, 2, 3):
        paper(handbook, f"Policy v{number}.docx", prose(1, changed=number / 100))
    compare_new(handbook)
    refuse(Resemblance.objects.get(later__name="Policy v2.docx", earlier__name="Policy v1.docx"))
    assert superseded(handbook) == {"Policy v1.docx": "Policy v3.docx"}


def test_people_may_contradict_themselves(handbook):
    one, two = paper(handbook, "a.docx", prose(1)), paper(handbook, "b.docx", prose(2))
    Resemblance.objects.create(later=one, earlier=two, shared=0, state=State.VERSION)
    Resemblance.objects.create(later=two, earlier=one, shared=0, state=State.VERSION)
    settle(handbook)
    assert superseded(handbook) == {"a.docx": "b.docx"}


def test_only_what_is_new_is_compared(handbook):
    paper(handbook, "a.docx", prose(1))
    assert (compare_new(handbook), compare_new(handbook)) == (1, 0)
    paper(handbook, "b.docx", prose(1, changed=0.03))
    assert compare_new(handbook) == 1
    assert len(pairs(handbook)) == 1


def test_a_text_that_changed_is_compared_again(handbook):
    paper(handbook, "a.docx", prose(1))
    other = paper(handbook, "b.docx", prose(1, changed=0.03))
    compare_new(handbook)
    Section.objects.filter(document=other).update(text=prose(9))
    Document.objects.filter(pk=other.pk).update(ready_at=timezone.now())
    assert compare_new(handbook) == 1
    assert pairs(handbook) == set()


def test_unfinished_empty_and_deleted_documents_are_left_alone(handbook):
    paper(handbook, "a.docx", prose(1))
    paper(handbook, "b.docx", prose(1), status="failed")
    paper(handbook, "c.docx", "")
    paper(handbook, "d.docx", prose(1), deleted_at=timezone.now())
    assert compare_new(handbook) == 1
    assert pairs(handbook) == set()


@pytest.mark.parametrize("count", [70])
def test_more_documents_than_one_block_of_signatures(handbook, count):
    for number in range(count):
        paper(handbook, f"{number}x.docx", prose(number, 60))
    paper(handbook, "again.docx", prose(0, 60))
    compare_new(handbook)
    assert pairs(handbook) == {("again.docx", "0x.docx", State.SUGGESTED)}
    assert DocumentSketch.objects.filter(shingles__lt=F("pk") * 0 + 20).count() == 0


def test_other_knowledge_bases_are_not_looked_at(handbook, charlie):
    paper(KnowledgeBase.objects.create(name="Other"), "a.docx", prose(1))
    paper(handbook, "a.docx", prose(1, changed=0.01))
    compare_new(handbook)
    assert Resemblance.objects.count() == 0


def counting(monkeypatch) -> list:
    """The documents whose sketches are taken in from here on."""
    read: list = []
    put = compared.Compared._put
    monkeypatch.setattr(
        compared.Compared, "_put", lambda self, documents, *of: read.extend(documents) or put(self, documents, *of)
    )
    return read


def test_what_was_read_once_is_not_read_for_the_next_job(handbook, monkeypatch):
    for number in range(5):
        paper(handbook, f"{number}x.docx", prose(number, 60))
    compare_new(handbook)
    read = counting(monkeypatch)
    paper(handbook, "again.docx", prose(3, 60))
    compare_new(handbook)
    assert len(read) == 1  # itself
    assert pairs(handbook) == {("again.docx", "3x.docx", State.SUGGESTED)}


def test_what_other_workers_compared_and_deleted_meanwhile_is_known(handbook):
    gone = paper(handbook, "gone.docx", prose(1))
    paper(handbook, "kept.docx", prose(2))
    compare_new(handbook)
    mine = compared._kept.pop(handbook.pk)
    other = paper(handbook, "other.docx", prose(3))
    compare_new(handbook)  # by another worker, which has its own
    compared._kept[handbook.pk] = mine
    Document.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    Section.objects.filter(document=other).update(text=prose(4))
    Document.objects.filter(pk=other.pk).update(ready_at=timezone.now())
    for name, seed in (("a.docx", 1), ("b.docx", 2), ("c.docx", 3), ("d.docx", 4)):
        paper(handbook, name, prose(seed))
    compare_new(handbook)
    assert pairs(handbook) == {("b.docx", "kept.docx", State.SUGGESTED), ("d.docx", "other.docx", State.SUGGESTED)}


def test_a_sketch_that_came_with_a_lower_key_is_noticed_by_the_count(handbook):
    paper(handbook, "a.docx", prose(1))
    compare_new(handbook)
    known = compared.compared(handbook)
    late = paper(handbook, "late.docx", prose(2))
    compare_new(handbook)
    compared._kept[handbook.pk] = known
    known.last += 10
    del known.row_of[late.pk], known.documents[-1]
    assert late.pk in compared.compared(handbook).row_of


def test_a_few_knowledge_bases_are_kept_at_hand(handbook, monkeypatch):
    monkeypatch.setattr(compared, "CACHE_BYTES", 40_000)
    bases = [KnowledgeBase.objects.create(name=str(n)) for n in range(4)]
    for base in bases:
        paper(base, "a.docx", prose(1))
        compare_new(base)
    assert [pk for pk in compared._kept if pk in {base.pk for base in bases}] == [bases[2].pk, bases[3].pk]


def test_names_but_for_a_date_are_counted_among_compared_and_uncompared(handbook):
    for month in range(1, 4):
        paper(handbook, f"Report 2024-{month:02}.docx", prose(month, 60))
    paper(handbook, "Report 2024-04.docx", "", status="failed")
    mark = read_name("Report 2024-09.docx")
    assert compared.compared(handbook).number_dated(mark) == 4
    compare_new(handbook)
    assert compared.compared(handbook).number_dated(mark) == 4
    assert compared.compared(handbook).number_dated(read_name("Policy 2024.docx")) == 0
