"""What workers embed is written down, a row a batch, with the knowledge base that it is for."""

import io

import pytest

from ingestion import embed, pipeline
from ingestion.receive import receive
from kb.calls import waiting
from kb.models import Call

pytestmark = pytest.mark.django_db


def test_a_documents_passages_are_calls_with_their_tokens_and_without_their_text(handbook, embedder):
    waiting.clear()
    sent = receive(io.BytesIO(b"The kiln opens at noon."), knowledge_base=handbook, user=None, name="rules.txt")
    pipeline.parse_document(str(sent.document.pk))
    embed.embed_missing()
    waiting.flush()
    rows = Call.objects.filter(kind=Call.Kind.EMBED_DOCUMENTS)
    assert sum(row.inputs for row in rows) == len(embedder.embedded)
    assert sum(row.tokens_in for row in rows) == sum(embedder.count_tokens(embedder.embedded)) > 0
    assert {(row.caller, row.knowledge_base, row.model, row.text) for row in rows} == {
        ("ingestion", handbook, "sentence-transformers/all-MiniLM-L6-v2", "")
    }
