"""The tools: what they are called, take and give, what a key must be for, and how they are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from mcp import types
from pydantic import BaseModel

from ingestion.mcp import adding, asking, reading
from ingestion.mcp.calls import Caller, Refusal, must_be_for
from kb.access import may, writable_by
from kb.models import ApiKey

Scope = ApiKey.Scope
READS = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ADDS = types.ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


@dataclass(frozen=True)
class Offer:
    """A tool, as it is listed and called. `scopes`: one of them must be among the key's."""

    name: str
    title: str
    description: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    run: Callable[[Caller, Any], BaseModel]
    scopes: tuple[str, ...]
    reads_only: bool = True

    def as_tool(self) -> types.Tool:
        """As the protocol lists it."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.takes.model_json_schema(),
            output_schema=self.gives.model_json_schema(mode="serialization"),
            annotations=READS if self.reads_only else ADDS,
        )


OFFERS = {
    offer.name: offer
    for offer in (
        Offer(
            "search", "Find passages",
            "Finds the passages of the team's documents that are nearest to a query, by meaning and by words. Use it "
            "to read the sources yourself; read_document reads on around a passage.",
            asking.SearchIn, asking.SearchOut, asking.search, (Scope.READ,),
        ),
        Offer(
            "ask", "Answer a question",
            "Answers a question out of the team's documents alone, each statement with the number of the passage that "
            "it rests on. Says so where nothing in the documents answers it.",
            asking.AskIn, asking.AskOut, asking.ask, (Scope.ASK,),
        ),
        Offer(
            "list_knowledge_bases", "List knowledge bases",
            "Lists the knowledge bases that may be searched and asked, and which of them may be written to.",
            reading.Nothing, reading.KnowledgeBases, reading.list_knowledge_bases,
            (Scope.READ, Scope.ASK, Scope.WRITE),
        ),
        Offer(
            "read_document", "Read a document",
            "Reads the text of a document, a piece at a time: from a place in it, a page, or what stands below a "
            "heading. next_start says where to go on.",
            reading.ReadIn, reading.ReadOut, reading.read_document, (Scope.READ,),
        ),
        Offer(
            "add_document", "Add a document",
            "Adds a text, or a file as base64, to a knowledge base. It is read in the background and can be found "
            "once it is ready. The same content is kept once.",
            adding.AddIn, adding.AddOut, adding.add_document, (Scope.WRITE,), False,
        ),
    )
}  # fmt: skip


def tools_for(caller: Caller) -> list[types.Tool]:
    """Those that the caller's key is for; adding, where there is a knowledge base to add to."""
    mine = [offer for offer in OFFERS.values() if may(caller.user, *offer.scopes)]
    can_write = writable_by(caller.user).exists()
    return [offer.as_tool() for offer in mine if offer.reads_only or can_write]


def call(caller: Caller, offer: Offer, arguments: Mapping[str, Any]) -> types.CallToolResult:
    """What the tool gives, as structure and as its JSON. Raises Refusal, and what `calls.work` makes one of."""
    must_be_for(caller, offer.scopes)
    given = offer.run(caller, offer.takes.model_validate(dict(arguments)))
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=given.model_dump_json())],
        structured_content=given.model_dump(mode="json"),
    )


def refused(error: Refusal) -> types.CallToolResult:
    """A sentence that the model can read, and do better."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=error.message)], is_error=True)


def no_such_tool(name: str) -> str:
    """A sentence."""
    return _("There is no tool “%(name)s”. There are: %(names)s.") % {"name": name[:100], "names": ", ".join(OFFERS)}
