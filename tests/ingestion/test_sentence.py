"""What parsers say in the child process is read in the reader's language."""

import json

from django.utils import translation

from ingestion.errors import IngestionError
from ingestion.sentence import Sentence, one_after_another
from ingestion.sentence import sentence as _


def travelled(said: Sentence) -> Sentence:
    return Sentence.from_json(json.loads(json.dumps(said.to_json())))


def test_a_sentence_is_in_the_language_of_its_reader():
    error = IngestionError(travelled(_("This file is empty.")))
    assert error.message == "This file is empty."
    with translation.override("zh-hans"):
        assert error.message == "该文件为空。"


def test_what_stands_in_a_sentence_is_filled_in_after_its_translation():
    said = travelled(_("{pages}: damaged and left out.", pages=_("Pages {numbers}", numbers="3-5")))
    assert str(said) == "Pages 3-5: damaged and left out."
    with translation.override("zh-hans"):
        assert str(said) == "第 3-5 页：已损坏，未读取。"


def test_large_numbers_are_readable():
    assert str(_("Only the first {count} pages were read.", count=20_000)) == "Only the first 20,000 pages were read."


def test_several_sentences_follow_one_another():
    said = one_after_another([_("This file is empty."), _("Left out, as they cannot be read: {names}.", names="a.exe")])
    assert str(travelled(said)) == "This file is empty. Left out, as they cannot be read: a.exe."


def test_a_files_name_cannot_do_harm_as_a_format():
    name = "{count.__class__}{0:99999999999}{names}.exe"
    assert str(_("Left out, as they cannot be read: {names}.", names=name)).endswith(f"{name}.")
    assert str(IngestionError(name)) == name
