"""Answers on their way: any number follow one, whoever comes late reads all of it, and stopping it ends it."""

import asyncio
from contextlib import suppress

import pytest

from search.answering.runs import Runs
from search.chat import ChatError, ChatSettings, Piece, Request

REQUEST = Request(ChatSettings("http://127.0.0.1:9/v1", "any"), ())


class Writer:
    """A model that writes when it is told to; `closed` says whether its connection was let go."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self.is_closed = False

    async def __call__(self, request: Request):
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.is_closed = True

    def write(self, *texts: str) -> None:
        for text in texts:
            self.pieces.put_nowait(Piece(text))

    def end(self) -> None:
        self.pieces.put_nowait(Piece(tokens_in=7, tokens_out=3, ending="stop"))
        self.pieces.put_nowait(None)


async def read(run, start: int = 0) -> str:
    return "".join([text async for _, text in run.follow(start)])


def in_a_loop(test):
    """The test as a coroutine with a writer and the runs it writes for."""

    def wrapped():
        async def started():
            writer, kept = Writer(), []

            async def keep(run) -> None:
                kept.append((run.name, run.text, run.ending.state))

            await asyncio.wait_for(test(writer, Runs(writer, keep), kept), 20)

        asyncio.run(started())

    wrapped.__doc__ = test.__doc__
    return wrapped


@in_a_loop
async def test_all_followers_read_the_whole_answer_whenever_they_come(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    early = [asyncio.create_task(read(run)) for _ in range(3)]
    writer.write("The kettle", " is clean")
    await asyncio.sleep(0.05)
    middle = asyncio.create_task(read(run))
    writer.write(" [1", "][7].")
    writer.end()
    whole = "The kettle is clean [1]."
    assert [await reader for reader in (*early, middle)] == [whole] * 4
    await run.task
    assert await read(run) == whole
    assert kept == [("a", whole, "done")]
    assert (run.ending.tokens_in, run.ending.tokens_out, run.ending.ending) == (7, 3, "stop")
    assert run.ending.first_milliseconds is not None
    assert writer.is_closed


@in_a_loop
async def test_a_follower_goes_on_where_it_was(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    writer.write("one ")
    at, text = await anext(run.follow())
    assert text == "one" or text == "one "
    writer.write("two")
    writer.end()
    assert (text + await read(run, at)).split() == ["one", "two"]


@in_a_loop
async def test_silence_is_told_to_whoever_wants_to_know(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    beats = run.follow(beat=0.01)
    assert [await anext(beats) for _ in range(3)] == [(0, "")] * 3
    writer.write("At last.")
    writer.end()
    told = [text async for _, text in beats]
    assert "".join(told) == "At last."


@in_a_loop
async def test_one_that_has_ended_is_unfinished_until_it_is_kept(writer, runs, kept):
    keeping, may_end = asyncio.Event(), asyncio.Event()

    async def keep(run) -> None:
        keeping.set()
        await may_end.wait()

    runs._ended = keep
    run = runs.start("a", REQUEST, 1)
    writer.end()
    await keeping.wait()
    assert (runs.writing(), runs.unkept()) == ([], [run])
    may_end.set()
    await run.task
    assert runs.unkept() == []


@in_a_loop
async def test_stopping_ends_it_with_what_is_written_and_lets_the_model_go(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    reader = asyncio.create_task(read(run))
    writer.write("So far.")
    await asyncio.sleep(0.05)
    assert runs.stop("a")
    assert runs.stop("a") or run.ending
    assert await reader == "So far."
    await run.task
    assert writer.is_closed
    assert kept == [("a", "So far.", "stopped")]
    assert not runs.stop("a")
    assert not runs.writing()


@in_a_loop
async def test_one_that_is_stopped_before_it_begins_has_ended_too(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    assert runs.stop("a")
    assert await read(run) == ""
    await run.task
    assert kept == [("a", "", "stopped")]


@in_a_loop
async def test_a_follower_that_leaves_takes_nothing_from_the_others(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    leaving, staying = asyncio.create_task(read(run)), asyncio.create_task(read(run))
    await asyncio.sleep(0.05)
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    writer.write("All of it.")
    writer.end()
    assert await staying == "All of it."


@in_a_loop
async def test_a_fault_in_the_middle_is_told_with_its_kind(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    writer.write("Half")
    writer.pieces.put_nowait(ChatError("cut", "It broke off."))
    assert await read(run) == "Half"
    await run.task
    assert (run.ending.state, run.ending.kind, run.ending.error) == ("failed", "cut", "It broke off.")
    assert kept == [("a", "Half", "failed")]


@in_a_loop
async def test_thinking_is_not_shown_and_is_no_answer_by_itself(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    writer.write("<thi", "nk>The kettle [1]", " ...</think>", "\n\nMonthly [1].")
    writer.end()
    assert await read(run) == "Monthly [1]."
    alone = runs.start("b", REQUEST, 1)
    writer.write("<think>", "It never ends.")
    writer.end()
    assert await read(alone) == ""
    await asyncio.gather(run.task, alone.task)
    assert (alone.ending.state, alone.ending.error) == ("failed", "The language model wrote nothing.")
    assert sorted(kept) == [("a", "Monthly [1].", "done"), ("b", "", "failed")]


@in_a_loop
async def test_what_turns_out_late_to_be_thinking_is_not_kept(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    writer.write("Let me see.", "</think>", "Monthly [1].")
    writer.end()
    whole = await read(run)
    await run.task
    assert whole[run.ending.begins :] == run.text == "Monthly [1]."
    assert kept == [("a", "Monthly [1].", "done")]


@in_a_loop
async def test_a_fault_of_our_own_ends_it_as_well(writer, runs, kept):
    run = runs.start("a", REQUEST, 1)
    writer.pieces.put_nowait(ZeroDivisionError("secret detail"))
    assert await read(run) == ""
    await run.task
    assert (run.ending.state, run.ending.kind) == ("failed", "broken")
    assert "secret" not in run.ending.error


@in_a_loop
async def test_the_same_name_is_written_once(writer, runs, kept):
    assert runs.start("a", REQUEST, 1) is runs.start("a", REQUEST, 1)
    runs.stop("a")
    await runs.get("a").task


@in_a_loop
async def test_an_answer_is_forgotten_some_time_after_its_end(writer, runs, kept):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.answering.runs.KEPT_SECONDS", 0.01)
        run = runs.start("a", REQUEST, 1)
        writer.end()
        await run.task
        await asyncio.sleep(0.1)
        assert runs.get("a") is None
