"""The tool that adds a document: a text, or a file; it goes the way of every file."""

import base64
import binascii
from io import BytesIO
from typing import Annotated, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field, StringConstraints, model_validator

from ingestion.mcp.calls import Caller, Refusal
from ingestion.mcp.reading import Input
from ingestion.mcp.texts import uri_of
from ingestion.receive import receive
from kb.access import get_writable

ENDINGS = {"text": "txt", "markdown": "md"}


class AddIn(Input):
    knowledge_base: UUID = Field(description="Its id; list_knowledge_bases says which may be written to.")
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        "", description="What a text is called."
    )
    text: str | None = Field(None, description="A text to keep as a document; it needs a title.")
    format: Literal["text", "markdown"] = Field("text", description="What the text is written in.")
    file_name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)] = Field(
        "", description="The name of a file, with its ending: report.pdf"
    )
    content_base64: str | None = Field(None, description="A file's bytes in base64, instead of a text.")
    folder: str = Field("", max_length=500, description="A folder to show it in, as a/b.")

    @model_validator(mode="after")
    def a_text_or_a_file(self) -> "AddIn":
        if (self.text is None) == (self.content_base64 is None):
            raise ValueError(_("Give either a text with its title, or a file's content_base64 with its file_name."))
        if self.text is not None and not (self.title and self.text.strip()):
            raise ValueError(_("A text needs a title, and must not be empty."))
        if self.content_base64 is not None and not self.file_name:
            raise ValueError(_("A file needs its file_name."))
        return self


class AddOut(BaseModel):
    document: UUID
    uri: str
    title: str
    name: str
    status: str = Field(description="queued or running: it can be found once it is ready.")
    is_new: bool = Field(description="False: the same content was there before; this is that document.")


def add_document(caller: Caller, asked: AddIn) -> AddOut:
    """Store it and queue it for reading. Raises Http404, IngestionError and Refusal."""
    knowledge_base = get_writable(caller.user, asked.knowledge_base)
    name, content = _file(asked)
    received = receive(
        BytesIO(content), knowledge_base=knowledge_base, user=caller.user, name=name, folder=asked.folder
    )
    document = received.document
    return AddOut(
        document=document.pk,
        uri=uri_of(document.pk),
        title=document.title,
        name=document.name,
        status=document.status,
        is_new=received.is_new,
    )


def _file(asked: AddIn) -> tuple[str, bytes]:
    """Its name and bytes. Raises Refusal."""
    if asked.text is not None:
        plain = asked.title.replace("/", "-").replace("\\", "-")
        return f"{plain}.{ENDINGS[asked.format]}", asked.text.encode()
    try:
        return asked.file_name, base64.b64decode(asked.content_base64 or "", validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(_("content_base64 is not base64.")) from None
