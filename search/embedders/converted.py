"""Faster ways to run a model: made or tried once, kept in the data folder with what they cost in exactness."""

import fcntl
import hashlib
import json
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from django.conf import settings as installation

from search.embedders import EmbeddingSettings
from search.embedders.precision import AUTO, FULL
from search.embedders.trial import Trial
from search.tokenize import model_folder

log = logging.getLogger(__name__)

EXACT = 0.999  # cosine to float32 from which a backend counts as the same
INT8_LEAST = 0.9  # with less on any sample text, 8-bit numbers do not suit the model
SECONDS = 3600  # that a conversion may take
TRY_AGAIN = 7 * 24 * 3600  # seconds after a failure
MADE_WITH = ("torch", "transformers", "sentence-transformers", "openvino")
CONVERSION, TRIAL = "conversion.json", "trial.json"
FORMAT = 2  # counts changes of what convert.py makes and measures


@dataclass(frozen=True)
class Conversion:
    """What became of it. `problem` is empty, or a sentence that says why the converted model cannot be used.

    `cosine_min` and `cosine_mean` compare with torch in the preset's precision, on `texts` held-out sample texts (see
    samples.py); `speed` is how many times as fast as torch it is (0: not measured).
    """

    backend: str
    cosine_min: float = 0.0
    cosine_mean: float = 0.0
    texts: int = 0
    problem: str = ""
    speed: float = 0.0

    @property
    def objection(self) -> str:
        """Why it is not the best choice, though it may be a possible one; empty where it is."""
        if self.problem or not 0 < self.speed < 1:
            return self.problem
        return f"It is slower here than PyTorch: {self.speed:.2f} times as fast."


def known(settings: EmbeddingSettings, backend: str) -> Conversion | None:
    """What is known of this model on this backend, without converting anything; None: it was not tried yet."""
    source = model_folder(settings.model, settings.revision)
    return _read(folder_of(settings, backend, source)) if source else None


def converted(settings: EmbeddingSettings, backend: str) -> tuple[Path, Conversion]:
    """The converted model's folder and its measure, made now if it is not there yet (minutes for a large model).

    Two processes that ask at once make one. What failed is remembered, and tried again a week later (the disk may have
    been full) or with the next version of a library. Raises FileNotFoundError where the model is not on this machine.
    """
    source = model_folder(settings.model, settings.revision)
    if source is None:
        raise FileNotFoundError(settings.model)
    folder = folder_of(settings, backend, source)
    with _alone(folder):
        found = _read(folder)
        if found is None:
            found = _make(settings, backend, folder)
    return folder, found


def remember(settings: EmbeddingSettings, backend: str, trial: Trial) -> Conversion:
    """Keep what was found of a backend that needs no conversion, as long as that of one that does."""
    source = model_folder(settings.model, settings.revision)
    if source is None:
        raise FileNotFoundError(settings.model)
    folder, found = folder_of(settings, backend, source), _judged(backend, trial)
    with _alone(folder):
        folder.mkdir(exist_ok=True)
        _write(folder, found)
    return found


def folder_of(settings: EmbeddingSettings, backend: str, source: Path) -> Path:
    """Named after all that shapes it: the model's files, the pooling, the precision, the backend, the libraries."""
    files = sorted(
        (str(file.relative_to(source)), file.stat().st_size, file.stat().st_mtime_ns) for file in source.rglob("*.*")
    )
    named = "" if settings.dtype in (AUTO, FULL) else settings.dtype  # a conversion is for a CPU, which has float32
    parts = (FORMAT, str(source), files, settings.pooling, named, backend, [version(name) for name in MADE_WITH])
    name = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return Path(installation.KB_DATA) / "models" / f"{backend}-{name}"


def _read(folder: Path) -> Conversion | None:
    file = folder / CONVERSION
    if not file.exists():
        return None
    found = Conversion(**json.loads(file.read_text(encoding="utf-8")))
    return None if found.problem and time.time() - file.stat().st_mtime > TRY_AGAIN else found


def _make(settings: EmbeddingSettings, backend: str, folder: Path) -> Conversion:
    """In a folder beside it that takes its name when it is complete."""
    making = folder.with_suffix(".making")
    _empty(making)  # a process that was killed may have left it
    log.info("%s is being converted for OpenVINO.", settings.model)
    found = _judged(backend, _run(settings, backend, making))
    if found.problem:
        _empty(making)
    _write(making, found)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    log.info(
        "%s is %s: a cosine of %.4f at least, %.4f on average; %.2f times as fast; %s", settings.model, backend,
        found.cosine_min, found.cosine_mean, found.speed, found.objection or "it is used",
    )  # fmt: skip
    return found


def _write(folder: Path, found: Conversion) -> None:
    (folder / CONVERSION).write_text(json.dumps(asdict(found)), encoding="utf-8")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _run(settings: EmbeddingSettings, backend: str, folder: Path) -> Trial | str:
    """What was measured, or the end of what the conversion said when it failed."""
    order = {"settings": {**asdict(settings), "api_key": ""}, "int8": backend.endswith("int8"), "folder": str(folder)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "search.embedders.convert"], input=json.dumps(order), text=True, check=False,
            capture_output=True, timeout=SECONDS, cwd=installation.BASE_DIR,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it took more than {SECONDS} seconds"
    file = folder / TRIAL
    if done.returncode == 0 and file.exists():
        return Trial(**json.loads(file.read_text(encoding="utf-8")))
    log.warning("Converting %s ended with %d:\n%s", settings.model, done.returncode, done.stderr[-5000:])
    return (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1][-300:]


def _judged(backend: str, trial: Trial | str) -> Conversion:
    if isinstance(trial, str):
        return Conversion(backend, problem=f"The conversion failed: {trial}")
    least, mean = min(trial.cosines), sum(trial.cosines) / len(trial.cosines)
    limit = INT8_LEAST if backend.endswith("int8") else EXACT
    kept = least >= limit  # False for what is no number, too
    problem = "" if kept else f"It differs too much from the original: a cosine of {least:.4f}, less than {limit}."
    return Conversion(backend, least, mean, len(trial.cosines), problem, trial.speed)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time converts this."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
