"""What a knowledge base's settings ask of its index."""

import hashlib
from dataclasses import dataclass

from kb.models import Chunking, KnowledgeBase
from search.embedders import EmbeddingError
from search.models import Index, Preset, SearchSettings
from search.presets.chosen import default_preset
from search.settings.tuning import settings_for

SHORTEST_PASSAGE, LONGEST_PASSAGE = 32, 8000  # tokens; the model's own limit holds besides


@dataclass(frozen=True)
class Shape:
    """What makes an index the one that it is; another shape is another generation.

    `tokens` and `overlap` are of a passage; `dimension` is that of the vectors that are searched.
    """

    preset: Preset
    dimension: int
    query_instruction: str
    tokens: int
    overlap: int


def shape_for(knowledge_base: KnowledgeBase, settings: SearchSettings | None = None) -> Shape:
    """What these settings, saved or not, ask for; None: those of the knowledge base.

    Raises EmbeddingError where they leave the model to the installation and that one is not on this machine.
    """
    settings = settings or settings_for(knowledge_base)
    preset = settings.preset or default_preset()
    dimension = settings.dimension or preset.dimension
    instruction = preset.query_instruction if settings.query_instruction is None else settings.query_instruction
    tokens, overlap = lengths(knowledge_base, preset)
    return Shape(preset, dimension if preset.allows(dimension) else preset.dimension, instruction, tokens, overlap)


def shape_of(index: Index) -> Shape:
    """The shape that an index has."""
    chunking = index.chunking
    return Shape(index.preset, index.dimension, index.query_instruction, chunking.tokens, chunking.overlap)


def lengths(knowledge_base: KnowledgeBase, preset: Preset) -> tuple[int, int]:
    """Passage length and overlap in tokens, as far as the model allows."""
    overlap = min(knowledge_base.chunk_overlap, knowledge_base.chunk_tokens // 2)
    tokens = min(knowledge_base.chunk_tokens, preset.max_tokens)
    return tokens, min(overlap, tokens // 2)


def wanted(knowledge_base: KnowledgeBase) -> tuple[Preset, Chunking]:
    """With which model, and cut how, this knowledge base's documents are to be indexed by its settings."""
    shape = shape_for(knowledge_base)
    return shape.preset, chunking_for(knowledge_base, shape)


def chunking_for(knowledge_base: KnowledgeBase, shape: Shape) -> Chunking:
    """The way of cutting that this shape asks for: one that there is already, if it was cut for the same model."""
    return (
        same_cut(knowledge_base, shape)
        or Chunking.objects.get_or_create(
            knowledge_base=knowledge_base, tokenizer=_cut_for(shape.preset), tokens=shape.tokens, overlap=shape.overlap
        )[0]
    )


def same_cut(knowledge_base: KnowledgeBase, shape: Shape) -> Chunking | None:
    """What an index of this knowledge base was cut like, of a model that counts and reads as this one does."""
    indexes = Index.objects.filter(
        knowledge_base=knowledge_base, chunking__tokens=shape.tokens, chunking__overlap=shape.overlap,
        preset__model=shape.preset.model, preset__max_tokens=shape.preset.max_tokens,
        preset__document_instruction=shape.preset.document_instruction,
    )  # fmt: skip
    found = indexes.exclude(state=Index.State.RETIRED).select_related("chunking").first()
    return found.chunking if found else None


def _cut_for(preset: Preset) -> str:
    """Names what a cut depends on: the tokenizer, how much the model reads, what stands before a passage."""
    before = hashlib.sha256(preset.document_instruction.encode()).hexdigest()[:8] if preset.document_instruction else ""
    return f"{preset.model[-160:]} {preset.max_tokens} {before}".strip()


def ask_for(knowledge_base: KnowledgeBase, shape: Shape) -> None:
    """Make the settings ask for this shape, so that nothing else is built; what they say of searching stays."""
    settings = settings_for(knowledge_base)
    preset = shape.preset
    settings.preset = None if preset == _default() else preset
    settings.dimension = None if shape.dimension == preset.dimension else shape.dimension
    own = shape.query_instruction == preset.query_instruction
    settings.query_instruction = None if own else shape.query_instruction
    settings.save()
    if lengths(knowledge_base, preset) != (shape.tokens, shape.overlap):
        knowledge_base.chunk_tokens, knowledge_base.chunk_overlap = shape.tokens, shape.overlap
        knowledge_base.save(update_fields=["chunk_tokens", "chunk_overlap"])


def _default() -> Preset | None:
    try:
        return default_preset()
    except EmbeddingError:
        return None
