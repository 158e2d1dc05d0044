"""Mail: who wrote what to whom, and the files that came with it."""

import email
import email.policy
import re
import traceback
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

from ingestion.clean import one_line
from ingestion.errors import IngestionError
from ingestion.parsers import Attachment, Block, Draft, Source
from ingestion.parsers.decode import decode
from ingestion.parsers.text import paragraphs
from ingestion.parsers.web import html_draft
from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _

_MOST_PARTS = 1_000
_MOST_ATTACHMENTS = 200


def parse_eml(source: Source) -> Draft:
    message = email.message_from_bytes(_raw(source.path), policy=email.policy.compat32)
    blocks = [_heads({name: _header(message, name) for name in ("From", "To", "Cc", "Date", "Subject")})]
    attachments: list[Attachment] = []
    notes: list[Sentence] = []
    for part in _parts(message, notes):
        if _is_file(part):
            _keep(attachments, source, _file_name(part), _content(part), notes)
        else:
            blocks += _body(part)
    return Draft(blocks, _header(message, "Subject"), attachments=attachments, notes=notes)


def _raw(path: Path) -> bytes:
    """The message's bytes; a whole file in UTF-16 is made UTF-8, of which mail can be read."""
    data = path.read_bytes()
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) or 0 in data[:2]
    return decode(data).encode("utf-8") if wide else data


def _header(message: Message, name: str) -> str:
    value = next((value for key, value in message.raw_items() if key.lower() == name.lower()), None)
    if value is None:
        return ""
    value = decode(str(value).encode("utf-8", "surrogateescape"))  # bytes beyond ASCII, of no encoding that is told
    parts = []
    try:
        decoded = email.header.decode_header(value)
    except (email.errors.HeaderParseError, ValueError):
        return one_line(str(value))
    for text, charset in decoded:
        parts.append(text if isinstance(text, str) else decode(text, charset or ""))
    return one_line("".join(parts))


def _heads(values: dict[str, str]) -> Block:
    return Block("\n".join(f"{name}: {value}" for name, value in values.items() if value))


def _parts(message: Message, notes: list[Sentence]) -> Iterator[Message]:
    """The parts to read: of alternatives the plainest that says something; a mail in the mail with its own parts."""
    waiting: list[Message] = [message]
    count = 0
    while waiting:
        part = waiting.pop(0)
        count += 1
        if count > _MOST_PARTS:
            notes.append(_("Only the first {count} parts of this mail were read.", count=_MOST_PARTS))
            return
        if part.get_content_type() == "multipart/alternative":
            waiting[:0] = _best(part)
        elif part.is_multipart():
            waiting[:0] = [inner for inner in part.get_payload() if isinstance(inner, Message)]
        else:
            yield part


def _best(part: Message) -> list[Message]:
    """HTML keeps headings and tables, so it goes before plain text, unless it has hardly any words."""
    choices = [choice for choice in part.get_payload() if isinstance(choice, Message)]
    by_type = {choice.get_content_type(): choice for choice in choices}
    rich = next((c for c in choices if c.is_multipart() or c.get_content_type() == "text/html"), None)
    plain = by_type.get("text/plain")
    if rich is not None and plain is not None and not rich.is_multipart():
        words = sum(len(block.text) for block in _body(rich))
        return [rich] if words * 2 > len(_text(plain).strip()) else [plain]
    return [choice for choice in (rich or plain or (choices[0] if choices else None),) if choice is not None]


def _is_file(part: Message) -> bool:
    if part.get_content_type() in ("text/plain", "text/html"):
        return part.get_content_disposition() == "attachment"
    return True


def _content(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: Message) -> str:
    return decode(_content(part), str(part.get_content_charset() or ""))


def _body(part: Message) -> list[Block]:
    text = _text(part)
    return list(html_draft(text).blocks if part.get_content_type() == "text/html" else paragraphs(text))


def _file_name(part: Message) -> str:
    name = part.get_filename()
    if not name:
        return ""
    parts = email.header.decode_header(name)
    return one_line("".join(t if isinstance(t, str) else decode(t, c or "") for t, c in parts))


def _keep(attachments: list[Attachment], source: Source, name: str, data: bytes, notes: list[Sentence]) -> None:
    """Only files with a name, and not the pictures that decorate a mail."""
    if not name or not data or (re.search(r"\.(gif|png|jpe?g)$", name, re.IGNORECASE) and len(data) < 20_000):
        return
    if len(attachments) >= _MOST_ATTACHMENTS:
        sentence = _("Only the first {count} attachments were kept.", count=_MOST_ATTACHMENTS)
        notes += [sentence] if sentence not in notes else []
        return
    name = re.split(r"[/\\]", name)[-1].strip(". ")[:200] or "attachment"
    path = source.workspace / f"attachment-{len(attachments)}"
    path.write_bytes(data)
    attachments.append(Attachment(name, path, ""))


def parse_msg(source: Source) -> Draft:
    from oxmsg import Message as OutlookMessage

    try:
        message = OutlookMessage.load(str(source.path))
        heads = {"From": message.sender or "", "To": ", ".join(_people(message)), "Date": str(message.sent_date or ""),
                 "Subject": message.subject or ""}  # fmt: skip
        body = _outlook_body(message)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # the library raises what the bytes make it stumble over
        traceback.print_exc()
        raise IngestionError(_("This Outlook message is damaged and cannot be read.")) from error
    attachments: list[Attachment] = []
    notes: list[Sentence] = []
    for attached in message.attachments:
        _keep(attachments, source, attached.file_name or "", attached.file_bytes or b"", notes)
    return Draft([_heads({k: one_line(v) for k, v in heads.items()}), *body], heads["Subject"],
                 attachments=attachments, notes=notes)  # fmt: skip


def _people(message) -> list[str]:
    return [f"{person.name} <{person.email_address}>" for person in message.recipients]


def _outlook_body(message) -> list[Block]:
    if message.html_body:
        return list(html_draft(message.html_body).blocks)
    return list(paragraphs(message.body or ""))
