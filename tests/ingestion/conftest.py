"""The way of a file with a quick embedder: everything else is what ships."""

import pytest

from ingestion import doorbell
from search import embedders
from search.models import Preset
from tests.engines import DIMENSION, WordsEmbedder


@pytest.fixture
def embedder(db, monkeypatch, settings, tmp_path):
    """The engine that `loaded` gives, so that a test sees what was embedded; exact search; a silent broker."""
    engine = WordsEmbedder(None)
    preset = Preset.objects.create(
        name="words",
        engine="words",
        model="sentence-transformers/all-MiniLM-L6-v2",
        dimension=DIMENSION,
        max_tokens=256,
    )
    monkeypatch.setitem(embedders.ENGINES, "words", "tests.engines.WordsEmbedder")
    monkeypatch.setattr("search.generations.wanted.default_preset", lambda: preset)
    for user in ("work", "build"):
        monkeypatch.setattr(f"ingestion.{user}.loaded", lambda preset: engine)
    monkeypatch.setattr(doorbell, "_send", lambda task, *arguments: True)
    settings.KB_VECTOR_STORE = "exact"
    settings.KB_DATA = tmp_path
    for folder in ("files", "tmp", "keywords", "run", "pages"):
        (tmp_path / folder).mkdir()
    return engine
