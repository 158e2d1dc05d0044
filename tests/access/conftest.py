"""Alice's things, and Charlie's own knowledge base."""

import pytest
from django.utils import timezone

from kb.models import ApiKey, KnowledgeBase, Membership, Role, digest_of
from search.evaluation.measures import MEASURES
from search.models import (
    Citation,
    Conversation,
    DocumentTag,
    EvaluationRun,
    Message,
    Question,
    QuestionSet,
    Relevant,
    Resemblance,
    Tag,
    Topic,
    TopicDocument,
)
from tests.access.world import CANARY, World, add_document

ONE = dict.fromkeys(MEASURES, 1.0)
ANSWERS = {"hybrid": {"ranks": [1], "milliseconds": 1.0, "values": ONE}}
RESULTS = {
    "hybrid": {
        **{name: {"value": 1.0, "low": 0.2, "high": 1.0} for name in MEASURES},
        "milliseconds": {"p50": 1.0, "p95": 1.0},
    }
}


@pytest.fixture
def world(alice, bob, charlie, handbook):
    handbook.name = f"Handbook {CANARY}"
    handbook.save()
    chunk = add_document(handbook, "Rules", f"Records are kept for ten years, says {CANARY}.")
    conversation = Conversation.objects.create(user=alice, title=f"About {CANARY}", share_token="shared-with-readers")
    message = Message.objects.create(
        conversation=conversation, question=f"What of {CANARY}?", answer="Ten years. [1]", is_answered=True
    )
    citation = Citation.objects.create(
        message=message, number=1, document=chunk.document, chunk=chunk, title=chunk.document.title, text=chunk.text,
        start=chunk.start, end=chunk.end, page=1, marks=[[0, 20]],
    )  # fmt: skip
    question_set = QuestionSet.objects.create(knowledge_base=handbook, name=f"Set {CANARY}")
    question = Question.objects.create(question_set=question_set, text=f"How long, {CANARY}?")
    Relevant.objects.create(question=question, document=chunk.document)
    run = EvaluationRun.objects.create(
        knowledge_base=handbook, question_set=question_set, label=CANARY, state="done", reason="settings",
        results=RESULTS,
        answers=[{"question": question.pk, "text": question.text, "grades": [1], "ways": ANSWERS}],
    )  # fmt: skip
    token = f"token-{CANARY}"
    invitation = handbook.invitations.create(
        token_digest=digest_of(token), invited_by=alice, email=f"{CANARY}@example.org",
        expires_at=timezone.now() + timezone.timedelta(days=1),
    )  # fmt: skip
    key, _secret = ApiKey.issue(alice, CANARY)
    tag = Tag.objects.create(knowledge_base=handbook, name=f"Tag {CANARY}")
    DocumentTag.objects.create(tag=tag, document=chunk.document)
    topic = Topic.objects.create(knowledge_base=handbook, ordinal=1, name=f"Topic {CANARY}", words=[CANARY])
    TopicDocument.objects.create(topic=topic, document=chunk.document, similarity=0.5)
    older = add_document(handbook, "Old rules", f"Records are kept for nine years, says {CANARY}.").document
    pair = Resemblance.objects.create(later=chunk.document, earlier=older, shared=0.9)
    return World(
        {
            "base": handbook.pk, "name": handbook.name, "document": chunk.document_id, "chunk": chunk.pk,
            "conversation": conversation.pk, "message": message.pk, "citation": citation.pk, "key": key.pk,
            "invitation": invitation.pk, "token": token, "charlie": charlie.pk, "bob": bob.pk, "alice": alice.pk,
            "question_set": question_set.pk, "question": question.pk, "run": run.pk,
            "member": handbook.memberships.get(user=bob).pk, "tag": tag.pk, "pair": pair.pk,
            "share": conversation.share_token,
        }
    )  # fmt: skip


@pytest.fixture
def notebook(charlie):
    """Charlie's own knowledge base, through which he tries to reach Alice's."""
    made = KnowledgeBase.objects.create(name="Notebook", created_by=charlie)
    Membership.objects.create(knowledge_base=made, user=charlie, role=Role.MANAGER)
    return made
