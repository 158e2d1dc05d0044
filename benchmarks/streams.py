"""Many answers streamed at once: what Lectern adds to the model server's time, what it holds, and what it lets go.

    python -m benchmarks.streams [--readers 100] [--seconds 60] [--first 0.3] [--pace 0.067] [--pieces 300]

Starts a whole Lectern with its own documentation, on KB_DATABASE_URL or on SQLite; a model server that writes at a
given pace (benchmarks/paced_server.py); and readers of whom half ask on the page and half at /v1/chat/completions, each
again as soon as an answer has ended; one answer in five is broken off. They begin one after the other within `--spread`
seconds, as the questions of many people come; when all of them read, `--seconds` are measured. The same went on before
for a while, so that what is open and in memory is compared with what was after it. Prints tables and writes
benchmarks/results/streams.json.

"First piece" is the time from when the model server wrote the first piece of an answer to when its reader saw it;
"until the model is asked" the time from the question to its coming to the model server: retrieval, mostly.
"""

import argparse
import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.ingest import ingest
from benchmarks.paced_server import Pace, Request, Running, paced_server
from benchmarks.readers import Asked, crowd
from benchmarks.usage import Moment, Usage, Watched, look
from tests.integration.database import own_database
from tests.integration.lectern import Lectern, until

RESULTS = Path(__file__).parent / "results"
TRACEBACK = re.compile(r"^Traceback .*\n(?:[ \t].*\n)+(\S.*)$", re.M)
SETTLING = 12.0  # seconds: for connections that nobody uses to be closed
CONVERTING = 900.0  # seconds at the most: what embeds in the first minutes of an installation is slower
DOCUMENTS = Path(__file__).parent.parent / "docs"
WORD, WORDS = re.compile(r"[^\W\d_][\w'-]*"), 8  # of a sentence, in a question
WARM = 5.0  # seconds that all readers read before anything is measured


@dataclass(frozen=True)
class Load:
    """How many read at once, for how many seconds, and within how many they begin."""

    readers: int = 100
    seconds: float = 60.0
    spread: float = 20.0


@dataclass(frozen=True)
class Measured:
    """What the readers and the model server noted, and what was looked at meanwhile; times by time.monotonic()."""

    load: Load
    begun: float
    asked: list[Asked]
    requests: dict[int, Request]
    before: Moment
    moments: list[Moment]
    after: Moment
    writing: int  # answers that are still being written at the end
    failures: list[str]  # what ended a traceback in the logs of the services

    @property
    def window(self) -> tuple[float, float]:
        """While all of them read."""
        start = self.begun + self.load.spread
        return start, start + self.load.seconds

    def during(self) -> list[Moment]:
        """What was seen then."""
        start, end = self.window
        return [one for one in self.moments if start <= one.at < end]

    def within(self) -> list[Asked]:
        """What was asked then."""
        start, end = self.window
        return [one for one in self.asked if start <= one.asked < end]


def questions_of(texts: Sequence[tuple[str, bytes]], count: int = 400) -> list[str]:
    """Each asks for a sentence of a text in a few of its words."""
    dice = random.Random(3)
    lines = (line for _, text in texts for line in text.decode().splitlines() if not line.startswith((" ", "#", "`")))
    sentences = [words for line in lines for one in line.split(". ") if len(words := WORD.findall(one)) >= WORDS]
    begins = ((words, dice.randint(0, len(words) - WORDS)) for words in dice.choices(sentences, k=count))
    return [f"What is said of {' '.join(words[at : at + WORDS])}?" for words, at in begins]


def measure(lectern: Lectern, server: Running, load: Load) -> Measured:
    """With a Lectern that runs and has a language model."""
    texts = [(file.name, file.read_bytes()) for file in sorted(DOCUMENTS.glob("*.md"))]
    with lectern.api() as api:
        base = api.post("/knowledge-bases", json={"name": "Streams"}).json()["id"]
        ingest(api, base, texts)
    converted = lectern.data / "models"
    until(lambda: list(converted.glob("openvino-*/conversion.json")), CONVERTING, "the embedding model's conversion")
    questions = questions_of(texts)
    _read(lectern, api.key, questions, load, WARM)
    beside = {"model server": server.pid, "readers": os.getpid()}
    before = look(lectern, **beside)
    begun = time.monotonic()
    with Watched(lectern, **beside) as moments:
        asked = _read(lectern, api.key, questions, load, load.seconds)
    after = look(lectern, **beside)
    return Measured(
        load, begun, asked, server.requests(), before, moments, after, writing_in(lectern), failures_of(lectern)
    )


def _read(lectern: Lectern, key: str, questions: list[str], load: Load, seconds: float) -> list[Asked]:
    """All readers together for so long, and the time until everything has come to rest."""
    reading = crowd(
        lectern.url, key, questions, readers=load.readers, seconds=load.spread + seconds, spread=load.spread
    )
    asked = asyncio.run(reading)
    time.sleep(SETTLING)
    return asked


def writing_in(lectern: Lectern) -> int:
    """How many answers are being written, as the process says that writes them."""
    transport = httpx.HTTPTransport(uds=str(lectern.data / "run" / "answer.sock"))
    with httpx.Client(transport=transport) as client:
        return client.get("http://answer/health").json()["writing"]


def failures_of(lectern: Lectern) -> list[str]:
    """The exceptions that the services have logged."""
    logs = {log.name: log.read_text(errors="replace") for log in sorted((lectern.data / "log").glob("*.log"))}
    return [f"{name}: {error[:300]}" for name, text in logs.items() for error in TRACEBACK.findall(text)]


def result_of(measured: Measured) -> dict:
    """All figures; milliseconds and MB."""
    within = measured.within()
    return {
        **asdict(measured.load),
        "streams at once": _at_once(measured),
        "answers": len(within),
        "broken off": sum(one.left is not None for one in within),
        "refused": sum(one.refused for one in within),
        "errors": [one.error for one in measured.asked if one.error] + measured.failures,
        "milliseconds": {
            door: _times([one for one in within if one.door == door], measured.requests)
            for door in sorted({one.door for one in within})
        },
        "seen to have left": percentiles(_leaving(within, measured.requests)),
        "services": {name: _service(name, measured) for name in sorted(measured.before.services)},
        "cores of other programs": _others(measured),
        "database connections": _database(measured),
        "still being written": measured.writing,
    }


def _at_once(measured: Measured) -> float:
    """Answers that the model server was writing or about to write, on average."""
    start, end = measured.window
    spans = [(one.received, one.hung_up or one.last or one.received) for one in measured.requests.values()]
    return _rounded(sum(max(0.0, min(end, to) - max(start, since)) for since, to in spans) / (end - start))


def _times(asked: list[Asked], requests: dict[int, Request]) -> dict[str, dict[str, float]]:
    pairs = [(one, requests[one.number]) for one in asked if one.number in requests]
    return {
        "until the model is asked": percentiles([request.received - one.asked for one, request in pairs]),
        "first piece": percentiles([one.first - request.first for one, request in pairs]),
        "last piece": percentiles([one.last - request.last for one, request in pairs if one.last]),
    }


def _leaving(asked: list[Asked], requests: dict[int, Request]) -> list[float]:
    """Seconds until the model server saw that a reader had hung up or pressed stop, where it was still writing."""
    pairs = [(one, requests[one.number]) for one in asked if one.left and one.number in requests]
    return [request.hung_up - one.left for one, request in pairs if request.hung_up]


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    if not seconds:
        return {"n": 0}
    p50, p95, most = (_rounded(value * 1000) for value in np.percentile(seconds, [50, 95, 100]))
    return {"n": len(seconds), "p50": p50, "p95": p95, "max": most}


def _service(name: str, measured: Measured) -> dict[str, float]:
    """Cores at work while all read; memory, with its growth a minute, and what is open, before and after."""
    moments = [one for one in measured.during() if name in one.services]
    usage = [one.services[name] for one in moments]
    before, after = measured.before.services[name], measured.after.services.get(name, Usage())
    cores = (usage[-1].cpu - usage[0].cpu) / (moments[-1].at - moments[0].at) if len(moments) > 1 else 0.0
    growth = np.polyfit([one.at / 60 for one in moments], [one.memory for one in usage], 1)[0] if usage else 0.0
    return {
        "cores": _rounded(cores, 2), "MB before": round(before.memory), "MB after": round(after.memory),
        "MB a minute": _rounded(growth), "sockets before": before.sockets,
        "at most": max((one.sockets for one in usage), default=0), "after": after.sockets,
        "files before": before.files, "files after": after.files, "SQLite before": before.sqlite,
        "SQLite after": after.sqlite,
    }  # fmt: skip


def _database(measured: Measured) -> dict[str, int] | None:
    if measured.before.database is None:
        return None
    most = max(one.database or 0 for one in measured.moments)
    return {"before": measured.before.database, "at most": most, "after": measured.after.database or 0}


def _others(measured: Measured) -> float:
    """Cores that the machine was busy with beside all this."""
    first, *_, last = measured.during()
    own = (sum(one.cpu for one in moment.services.values()) for moment in (last, first))
    return _rounded((last.machine - first.machine - next(own) + next(own)) / (last.at - first.at), 2)


def _rounded(value: float, digits: int = 1) -> float:
    return round(float(value), digits)


def show(result: dict) -> None:
    print(f"{result['streams at once']} streams at once, {result['answers']} questions", end="")
    print(f", {result['refused']} of them refused, {result['broken off']} answers broken off", end="")
    print(f", {len(result['errors'])} errors")
    for error in sorted(set(result["errors"])):
        print(f"  {error}")
    for door, times in result["milliseconds"].items():
        for name, row in times.items():
            print(f"{door + ', ' + name:<48}{_row(row)}")
    print(f"{'seen to have left':<48}{_row(result['seen to have left'])}")
    columns = list(next(iter(result["services"].values())))
    print(f"{'':<10}" + "".join(f"{name:>17}" for name in columns))
    for name, row in result["services"].items():
        print(f"{name:<10}" + "".join(f"{row[column]:>17}" for column in columns))
    for name in ("cores of other programs", "database connections", "still being written"):
        print(f"{name}: {result[name]}")


def _row(times: dict[str, float]) -> str:
    return "".join(f"{name} {value:>8}   " for name, value in times.items()) + "ms"


def run(load: Load, pace: Pace) -> dict:
    """Start everything, measure, end everything."""
    with (
        tempfile.TemporaryDirectory(prefix="lectern-bench-") as place,
        own_database() as database,
        paced_server(pace) as server,
    ):
        chat = {"KB_CHAT_URL": server.url, "KB_CHAT_MODEL": "paced", "KB_API_CALLS_A_MINUTE": "0"}
        lectern = Lectern(Path(place) / "data", **database, **chat, KB_CONVERT_AFTER="1")
        lectern.data.mkdir()
        lectern.start()
        try:
            return {**asdict(pace), **result_of(measure(lectern, server, load))}
        finally:
            lectern.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in {**asdict(Load()), **asdict(Pace())}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    chosen = vars(parser.parse_args())
    result = run(*(kind(**{name: chosen[name] for name in asdict(kind())}) for kind in (Load, Pace)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "streams.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


if __name__ == "__main__":
    main()
