"""What a knowledge base is: people, knowledge bases, documents and their text."""

from kb.models.calls import Call
from kb.models.documents import Chunk, Chunking, Document, Section
from kb.models.knowledge_bases import Invitation, KnowledgeBase, Membership, Role
from kb.models.people import ApiKey, User, digest_of
from kb.models.services import ServiceBeat

__all__ = [
    "ApiKey",
    "Call",
    "Chunk",
    "Chunking",
    "Document",
    "Invitation",
    "KnowledgeBase",
    "Membership",
    "Role",
    "Section",
    "ServiceBeat",
    "User",
    "digest_of",
]
