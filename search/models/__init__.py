"""The index, and the way of a question: presets, indexes, vectors, settings, evaluations, conversations."""

from search.models.chat import ChatModel
from search.models.checks import IndexCheck
from search.models.conversations import Citation, Conversation, Message
from search.models.evaluation import AnswerFit, EvaluationRun, Question, QuestionSet, Relevant
from search.models.indexes import DocumentVector, Index, IndexedDocument, PartVector, Refusal, Vector
from search.models.installation import Installation
from search.models.organising import DocumentTag, Resemblance, Tag, Topic, TopicDocument
from search.models.presets import Preset, RerankPreset
from search.models.settings import SearchSettings
from search.models.sketches import DocumentSketch, OrganisingJob, TaskVector

__all__ = [
    "AnswerFit",
    "ChatModel",
    "Citation",
    "Conversation",
    "DocumentSketch",
    "DocumentTag",
    "DocumentVector",
    "EvaluationRun",
    "Index",
    "IndexCheck",
    "IndexedDocument",
    "Installation",
    "Message",
    "OrganisingJob",
    "PartVector",
    "Preset",
    "Question",
    "QuestionSet",
    "Refusal",
    "Relevant",
    "RerankPreset",
    "Resemblance",
    "SearchSettings",
    "Tag",
    "TaskVector",
    "Topic",
    "TopicDocument",
    "Vector",
]
