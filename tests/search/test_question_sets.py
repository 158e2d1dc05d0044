"""Questions come from files, forms and answers, find their documents, and go out again; nothing is lost on the way."""

import io
import json
import zipfile

import pytest

from kb.models import Section
from search.evaluation.question_export import as_jsonl, write_beir
from search.evaluation.question_files import QuestionFileError, read
from search.evaluation.question_sets import import_file, keep_from_message, keep_unanswerable
from search.evaluation.relevance import Place, place_of, targets_of
from search.models import Citation, Conversation, Message, Question
from tests.search.evaluating import engines as engines
from tests.search.evaluating import keep, shelve
from tests.search.library import make_index

TEXT = "Everyone has thirty days\nof vacation a year."


def asked(content, name="questions.csv"):
    return read(io.BytesIO(content.encode() if isinstance(content, str) else content), name)


@pytest.fixture
def shelf(handbook, engines):
    """Documents whose texts are in sections, too, as those that were parsed."""
    found = shelve(make_index(handbook))
    for document in found.values():
        Section.objects.create(document=document, ordinal=0, kind="paragraph", text=document.listed[0].text, start=0)
        document.name = f"{document.title}.pdf"
        document.folder = "rules"
        document.save()
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_with_any_usual_separator(separator):
    rows = [["Question", "Document", "Grade"], ["How many days?", "vacation.pdf", "2"], ["Lunch?", "lunch.pdf", ""]]
    found = asked("\ufeff" + "\r\n".join(separator.join(row) for row in rows)).asked
    assert [(one.question, one.wanted[0].document, one.wanted[0].grade) for one in found] == [
        ("How many days?", "vacation.pdf", 2),
        ("Lunch?", "lunch.pdf", 1),
    ]


def test_rows_with_one_question_are_one_question():
    found = asked("question,document\nWhere?,a.pdf\nWhere?,b.pdf\nWhere?,a.pdf\n").asked
    assert [[wanted.document for wanted in one.wanted] for one in found] == [["a.pdf", "b.pdf"]]


def test_json_lines_with_several_documents_and_passages():
    line = {"query": "Where?", "relevant": [{"document": "a", "passage": "here"}, "b"]}
    found = asked(json.dumps(line) + "\nnonsense\n" + json.dumps({"document": "c"}))
    assert [(one.document, one.passage) for one in found.asked[0].wanted] == [("a", "here"), ("b", "")]
    assert found.faults == ("Line 2 is no JSON object.", "Line 3 has no question.")


def test_a_list_of_objects_is_read_as_lines_are():
    assert asked('[{"question": "Where?", "document": "a"}]').asked[0].question == "Where?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column"),
        ("question,document\n", "no question"),
        ("a,b\n1,2\n", "no column “question”"),
        (b"\xff\x00\xfe" * 9, "not UTF-8"),
        (b"PK\x03\x04broken", "ZIP"),
        ("[{", "no valid JSON"),
    ],
)
def test_what_holds_no_questions_is_refused_with_a_sentence(content, said):
    with pytest.raises(QuestionFileError, match=said):
        asked(content)


def beir(**files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"set/{name.replace('_', '.')}", content)
    return out.getvalue()


CORPUS = json.dumps({"_id": "d1", "title": "vacation", "text": ""}) + "\n" + json.dumps({"_id": "d2", "text": "x"})
QUERIES = json.dumps({"_id": "q1", "text": "How many days?"})


def test_a_beir_folder():
    qrels = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq9\td1\t1\n"
    found = asked(beir(corpus_jsonl=CORPUS, queries_jsonl=QUERIES, qrels_tsv=qrels))
    assert [(one.question, one.wanted[0].title, one.wanted[0].grade) for one in found.asked] == [
        ("How many days?", "vacation", 2)
    ]
    assert "unknown question q9" in found.faults[0]


def test_a_zip_without_judgements_says_so():
    with pytest.raises(QuestionFileError, match="no qrels"):
        asked(beir(corpus_jsonl=CORPUS, queries_jsonl=QUERIES))


def imported(base, content, alice, name="days"):
    return import_file(base, io.BytesIO(content.encode()), name="file.csv", set_name=name, user=alice)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "called", ["vacation.pdf", "VACATION.PDF", "vacation", "rules/vacation.pdf", "rules\\vacation.pdf"]
)
def test_documents_are_found_by_path_name_and_title(handbook, shelf, alice, called):
    report = imported(handbook, f"question,document\nHow many days?,{called}\n", alice)
    assert report.faults == ()
    assert Question.objects.get().relevant.get().document == shelf["vacation"]


@pytest.mark.django_db
def test_a_passage_becomes_a_place_in_the_text_however_its_lines_break(handbook, shelf, alice):
    report = imported(handbook, 'question,document,passage\nDays?,vacation,"thirty\n  days of"\n', alice)
    relevant = Question.objects.get().relevant.get()
    assert report.faults == ()
    assert relevant.quote == "thirty days of"
    assert shelf["vacation"].listed[0].text[relevant.start : relevant.end] == "thirty days of"


@pytest.mark.django_db
def test_a_document_can_be_found_by_what_it_says(handbook, shelf, alice):
    imported(handbook, "question,passage\nWhere to eat?,The canteen serves lunch\n", alice)
    assert Question.objects.get().relevant.get().document == shelf["lunch"]


@pytest.mark.django_db
def test_what_does_not_fit_is_said_and_kept(handbook, shelf, alice):
    rows = "Days?,elsewhere.pdf,\nWhere?,,\nParking?,parking,under the roof\n"
    report = imported(handbook, f"question,document,passage\n{rows}", alice)
    assert Question.objects.count() == report.added == 3
    assert report.complete == 1
    missing, elsewhere = report.faults
    assert "no document “elsewhere.pdf” for “Days?”" in missing
    assert "does not say “under the roof”" in elsewhere
    assert "For one the document is left empty: nothing here is to answer it." in report.sentence
    assert list(Question.objects.filter(has_answer=False).values_list("text", flat=True)) == ["Where?"]
    assert Question.objects.get(text="Parking?").relevant.get().start is None


@pytest.mark.django_db
def test_a_file_without_a_place_for_documents_has_questions_that_are_still_to_be_completed(handbook, shelf, alice):
    report = imported(handbook, "question,grade\nWhere?,1\n", alice)
    assert "“Where?” names no document" in report.faults[0]
    assert Question.objects.get().has_answer
    assert report.unanswerable == 0


@pytest.mark.parametrize(
    ("content", "has_answer"),
    [
        ("question,document\nWhere?,\n", False),
        ("question,passage\nWhere?,\n", False),
        ("question\nWhere?\n", True),
        ("question,document\nWhere?,\nWhere?,a.pdf\n", True),
        ('{"question": "Where?", "relevant": []}', False),
        ('{"question": "Where?", "document": null}', False),
        ('{"question": "Where?"}', True),
    ],
)
def test_an_empty_place_for_the_document_says_that_nothing_answers(content, has_answer):
    (question,) = asked(content).asked
    assert question.has_answer is has_answer


def test_questions_of_a_beir_folder_that_nobody_judged_are_left_out():
    qrels = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"
    queries = QUERIES + "\n" + json.dumps({"_id": "q2", "text": "Of another split?"})
    found = asked(beir(corpus_jsonl=CORPUS, queries_jsonl=queries, qrels_tsv=qrels)).asked
    assert [(one.question, one.has_answer) for one in found] == [("How many days?", True)]


@pytest.mark.django_db
def test_a_file_takes_no_document_from_a_question_that_people_gave_one(handbook, shelf, alice):
    kept = keep(handbook, "Lunch?", shelf["lunch"], name="days")
    imported(handbook, "question,document\nLunch?,\n", alice)
    kept.refresh_from_db()
    assert kept.has_answer
    assert kept.relevant.count() == 1


@pytest.mark.django_db
def test_a_document_that_is_named_later_makes_the_question_answerable(handbook, shelf, alice):
    imported(handbook, "question,document\nLunch?,\n", alice)
    assert not Question.objects.get().has_answer
    imported(handbook, "question,document\nLunch?,lunch\n", alice)
    assert Question.objects.get().has_answer


@pytest.mark.django_db
def test_the_same_file_again_changes_nothing(handbook, shelf, alice):
    for _ in range(2):
        imported(handbook, "question,document\nDays?,vacation\nLunch?,lunch\n", alice)
    assert [question.relevant.count() for question in Question.objects.all()] == [1, 1]


@pytest.mark.django_db
def test_documents_of_other_knowledge_bases_are_not_found(handbook, shelf, alice):
    from kb.models import KnowledgeBase

    other = KnowledgeBase.objects.create(name="Other")
    report = imported(other, "question,document,passage\nDays?,vacation,thirty days\n", alice)
    assert report.complete == 0


@pytest.mark.django_db
def test_what_goes_out_comes_in_the_same(handbook, shelf, alice):
    keep(handbook, "Days?", shelf["vacation"], start=13, end=24, quote="thirty days")
    keep(handbook, "Lunch?", shelf["lunch"], grade=3)
    everyday = Question.objects.first().question_set
    keep_unanswerable(everyday, "Saturn?", "typed")
    Question.objects.create(question_set=everyday, text="To be completed?")
    lines = "".join(as_jsonl(everyday))
    import_file(handbook, io.BytesIO(lines.encode()), name="x.jsonl", set_name="Again", user=alice)
    again = Question.objects.filter(question_set__name="Again").order_by("pk")
    assert [one.has_answer for one in again] == [True, True, False, True]
    found = [(one.text, *one.relevant.values_list("document", "start", "end", "grade").get()) for one in again[:2]]
    assert found == [
        ("Days?", shelf["vacation"].pk, 13, 24, 1),
        ("Lunch?", shelf["lunch"].pk, None, None, 3),
    ]


@pytest.mark.django_db
def test_a_beir_folder_goes_out_and_comes_in(handbook, shelf, alice):
    question = keep(handbook, "Days?", shelf["vacation"], grade=2)
    out = io.BytesIO()
    write_beir(question.question_set, out)
    out.seek(0)
    import_file(handbook, out, name="x.zip", set_name="Again", user=alice)
    again = Question.objects.get(question_set__name="Again")
    assert again.relevant.values_list("document", "grade").get() == (shelf["vacation"].pk, 2)


@pytest.mark.django_db
def test_a_place_is_found_again_after_the_text_moved(handbook, shelf):
    relevant = keep(handbook, "Days?", shelf["vacation"], start=13, end=24, quote="thirty days").relevant.get()
    assert place_of(relevant) == Place(shelf["vacation"].pk, 13, 24)
    Section.objects.filter(document=shelf["vacation"]).update(text="New rule. Everyone has thirty days of vacation.")
    assert place_of(relevant) == Place(shelf["vacation"].pk, 23, 34)
    Section.objects.filter(document=shelf["vacation"]).update(text="Everyone has as many days as needed.")
    assert place_of(relevant) == Place(shelf["vacation"].pk)


@pytest.mark.django_db
def test_the_newer_version_of_a_document_answers_as_well(handbook, shelf):
    question = keep(handbook, "Days?", shelf["vacation"])
    shelf["vacation"].superseded_by = shelf["badge"]
    shelf["vacation"].save()
    [target] = targets_of(Question.objects.all())[question.pk]
    assert {place.document_id for place in target.places} == {shelf["vacation"].pk, shelf["badge"].pk}


@pytest.fixture
def message(alice, shelf):
    conversation = Conversation.objects.create(user=alice, title="Days")
    message = Message.objects.create(conversation=conversation, question="And how many?", searched="How many days?")
    for number, (title, is_cited) in enumerate((("vacation", True), ("lunch", False)), 1):
        chunk = shelf[title].listed[0]
        Citation.objects.create(
            message=message, number=number, document=shelf[title], title=title, text=chunk.text, start=0, end=20,
            is_cited=is_cited,
        )  # fmt: skip
    return message


@pytest.mark.django_db
def test_an_answers_question_is_kept_with_what_it_cites(handbook, shelf, message):
    [question] = keep_from_message(message, knowledge_bases=[handbook])
    assert question.text == "How many days?"
    assert question.relevant.values_list("document", "start", "end", "quote").get() == (
        shelf["vacation"].pk, 0, 20, "Everyone has thirty ",
    )  # fmt: skip
    assert keep_from_message(message, knowledge_bases=[handbook]) == [question]
    assert question.relevant.count() == 1


@pytest.mark.django_db
def test_nothing_is_kept_where_the_person_may_not_write(message):
    assert keep_from_message(message, knowledge_bases=[]) == []
    assert not Question.objects.exists()
