"""Find in a knowledge base the documents that a file of questions means, and the passages in them."""

import re
from collections import defaultdict
from pathlib import PurePosixPath
from uuid import UUID

from kb.models import Document, KnowledgeBase
from search.evaluation.question_files import Wanted
from search.evaluation.relevance import Place, text_of
from search.keywords import KeywordError, open_keywords
from search.models import Index

MOST_LOOKS = 500  # searches by text an import: each takes some milliseconds of a web process
OPENING = 300  # characters of a text that are searched for
COMPARED = 200  # characters that must be the same


class Matcher:
    """The documents of one knowledge base by what people call them: path, file name, title, or what they say."""

    def __init__(self, knowledge_base: KnowledgeBase) -> None:
        self.knowledge_base, self._looks = knowledge_base, 0
        self._text: tuple[UUID | None, str] = (None, "")
        self._names: defaultdict[str, list[UUID]] = defaultdict(list)
        living = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None).order_by("created_at", "pk")
        for pk, folder, name, title in living.values_list("pk", "folder", "name", "title"):
            stem = PurePosixPath(name).stem
            for key in dict.fromkeys(map(_key, (f"{folder}/{name}", name, stem, title, str(pk)))):
                self._names[key].append(pk)

    def document(self, wanted: Wanted) -> UUID | None:
        """The document that is meant; of several with this name the one that has the passage, else the first."""
        named = [pk for said in (wanted.document, wanted.title) if said for pk in self._names.get(_key(said), [])]
        if len(named) > 1 and wanted.passage:
            named.sort(key=lambda pk: self.place(pk, wanted.passage) is None)
        if named:
            return named[0]
        said = wanted.text or wanted.passage
        return self._by_text(said) if said else None

    def place(self, document_id: UUID, passage: str) -> Place | None:
        """Where the document says this, whatever stands between the words; None where it does not."""
        words = re.findall(r"\S+", passage)
        if not words:
            return None
        found = re.search(r"\s*".join(map(re.escape, words)), self._text_of(document_id))
        return Place(document_id, found.start(), found.end()) if found else None

    def quote(self, place: Place) -> str:
        """What stands there."""
        return self._text_of(place.document_id)[place.start : place.end]

    def _text_of(self, document_id: UUID) -> str:
        if self._text[0] != document_id:
            self._text = (document_id, text_of(document_id))
        return self._text[1]

    def _by_text(self, said: str) -> UUID | None:
        """The document whose text has the beginning of this one, among those that the keyword index finds for it."""
        self._looks += 1
        index = Index.objects.filter(knowledge_base=self.knowledge_base, state=Index.State.SERVING).first()
        if index is None or self._looks > MOST_LOOKS:
            return None
        try:
            hits = open_keywords().best(said[:OPENING], indexes=[index.pk], limit=5)
        except KeywordError:
            return None
        opening = _bare(said)[:COMPARED]
        candidates = Document.objects.filter(
            chunks__in=[hit.chunk_id for hit in hits], deleted_at=None, knowledge_base=self.knowledge_base
        ).distinct()
        fitting = (one.pk for one in candidates if opening and opening in _bare(text_of(one.pk)))
        return next(fitting, None)


def _key(said: str) -> str:
    return re.sub(r"[\\/]+", "/", said.strip()).strip("/").casefold()


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()
