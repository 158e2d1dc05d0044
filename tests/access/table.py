"""Who may do what at which address: the one table that the tests here hold against the URLs.

A route that is in none of these sets fails the tests until somebody has decided who may use it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

VIEWER, EDITOR, MANAGER = "viewer", "editor", "manager"  # roles in the knowledge base
OWNER = "owner"  # a person's own thing: nobody else's role opens it
ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Use:
    """One way of using a route that names an object of Alice's: who may, how, and with what."""

    who: str
    method: str = "get"
    data: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    upload: bool = False

    @property
    def name(self) -> str:
        return f"{self.method}{self.query}"


# Anyone, signed in or not. What they show depends on nobody's things.
PUBLIC = {
    "livez",
    "readyz",
    "setup",
    "login",
    "logout",
    "language",
    "api/v1/",
    "api/v1/docs",
    "api/v1/openapi.json",
    "api/v1/<path:rest>",
    "v1/<path:rest>",
}

# Programs with a key, in the protocol's own form: tests/ingestion/mcp asks what they get.
PROTOCOLS = {"mcp"}

# Whoever has the secret token in the address.
BY_TOKEN = {"invitations/<str:token>/"}

# Pages of whoever is signed in: they show that person's own things.
SIGNED_IN = {
    "",
    "ask",
    "search",
    "conversations/",
    "theme",
    "account/",
    "account/password",
    "account/keys",
    "knowledge-bases/",
    "knowledge-bases/new",
}

# Administrators' own pages: to all others they are not there.
ADMINISTRATORS = {"people/", "people/invitations/<int:pk>/revoke"}

# Programs with a key, about whatever their person may see.
WITH_KEY = {
    "api/v1/knowledge-bases",
    "api/v1/search",
    "api/v1/answer",
    "v1/models",
    "v1/models/<path:name>",
    "v1/embeddings",
    "v1/chat/completions",
    "v1/rerank",
}

BASE, DOCUMENT = "knowledge-bases/<uuid:pk>", "documents/<uuid:pk>"
CONVERSATION = "conversations/<uuid:pk>"
EVALUATION = f"{BASE}/evaluation"
QUESTION_SET = f"{EVALUATION}/sets/<int:question_set>"
API_BASE, API_DOCUMENT = "api/v1/knowledge-bases/<uuidstr:id>", "api/v1/documents/<uuidstr:id>"

# Routes that name an object.
OBJECTS: dict[str, list[Use]] = {
    f"{BASE}/": [Use(VIEWER), Use(VIEWER, query="?status=ready&q=a")],
    f"{BASE}/documents/rows": [Use(VIEWER)],
    f"{BASE}/documents/bulk": [Use(EDITOR, "post", {"action": "delete", "document": "{document}"})],
    f"{BASE}/documents/download": [Use(VIEWER, "post", {"document": "{document}"})],
    f"{BASE}/upload": [Use(EDITOR, "post", {"file": "notes.txt"}, upload=True)],
    f"{BASE}/paste": [Use(EDITOR, "post", {"title": "Pasted", "text": "Some words."})],
    f"{BASE}/chunk-preview": [
        Use(VIEWER),
        Use(VIEWER, "post", {"text": "", "document": "{document}", "chunk_tokens": 64, "chunk_overlap": 8}),
    ],
    f"{BASE}/settings": [
        Use(MANAGER),
        Use(MANAGER, "post", {"name": "Renamed"}),
    ],
    f"{BASE}/search/": [Use(MANAGER), Use(MANAGER, "post", {"chunk_tokens": 100, "chunk_overlap": 10})],
    f"{BASE}/search/effect": [Use(MANAGER, "post", {"chunk_tokens": 100, "chunk_overlap": 10})],
    f"{BASE}/search/limits": [Use(MANAGER, "post", {"answer_limits": "by_hand", "strictness": "10"})],
    f"{BASE}/search/generations": [Use(MANAGER)],
    f"{BASE}/search/switch": [Use(MANAGER, "post", {"index": "1"})],
    f"{BASE}/search/retry": [Use(MANAGER, "post", {"index": "1"})],
    f"{BASE}/search/rollback": [Use(MANAGER, "post")],
    f"{BASE}/search/cancel": [Use(MANAGER, "post")],
    f"{BASE}/search/forget": [Use(MANAGER, "post")],
    f"{BASE}/delete": [Use(MANAGER), Use(MANAGER, "post", {"name": "{name}"})],
    f"{BASE}/members/": [Use(MANAGER), Use(MANAGER, "post", {"member": "user-{charlie}", "role": "viewer"})],
    f"{BASE}/members/<int:member>/role": [Use(MANAGER, "post", {"role": "editor"})],
    f"{BASE}/members/<int:member>/remove": [Use(MANAGER, "post")],
    f"{EVALUATION}/": [Use(MANAGER)],
    f"{EVALUATION}/start": [
        Use(MANAGER, "post", {"kind": "run"}),
        Use(MANAGER, "post", {"kind": "curve", "question_set": "{question_set}"}),
    ],
    f"{EVALUATION}/lengths": [Use(MANAGER, "post", {"lengths": "64"})],
    f"{EVALUATION}/runs/<uuid:run>/use": [Use(MANAGER, "post", {"length": "64"})],
    f"{EVALUATION}/compare": [Use(MANAGER, query="?before={run}&after={run}")],
    f"{EVALUATION}/runs/<uuid:run>/": [Use(MANAGER), Use(MANAGER, query="?part=progress")],
    f"{EVALUATION}/runs/<uuid:run>/verdict": [Use(MANAGER)],
    f"{EVALUATION}/runs/<uuid:run>/cancel": [Use(MANAGER, "post")],
    f"{EVALUATION}/runs/<uuid:run>/delete": [Use(MANAGER, "post")],
    f"{EVALUATION}/gaps": [Use(MANAGER)],
    f"{EVALUATION}/candidates": [Use(MANAGER, query="?document=Rules")],
    f"{EVALUATION}/sets/new": [Use(MANAGER, "post", {"name": "More"})],
    f"{EVALUATION}/sets/import": [Use(MANAGER, "post", {"file": "questions.csv"}, upload=True)],
    f"{QUESTION_SET}/": [Use(MANAGER)],
    f"{QUESTION_SET}/add": [Use(MANAGER, "post", {"question": "How long?", "relevant": "{document}"})],
    f"{QUESTION_SET}/rename": [Use(MANAGER, "post", {"name": "Other"})],
    f"{QUESTION_SET}/delete": [Use(MANAGER, "post")],
    f"{QUESTION_SET}/questions.jsonl": [Use(MANAGER)],
    f"{QUESTION_SET}/beir.zip": [Use(MANAGER)],
    f"{EVALUATION}/questions/<int:question>/": [Use(MANAGER), Use(MANAGER, "post", {"question": "How long?"})],
    f"{EVALUATION}/questions/<int:question>/delete": [Use(MANAGER, "post")],
    "messages/<int:pk>/keep": [Use(OWNER, "post")],
    f"{BASE}/topics/": [Use(VIEWER)],
    f"{BASE}/topics/find": [Use(EDITOR, "post")],
    f"{BASE}/tags/": [Use(VIEWER)],
    f"{BASE}/tags/add": [Use(MANAGER, "post", {"name": "Contracts"})],
    f"{BASE}/tags/suggest": [Use(EDITOR, "post")],
    f"{BASE}/tags/<int:tag>/": [Use(VIEWER), Use(MANAGER, "post", {"name": "Other", "description": ""})],
    f"{BASE}/tags/<int:tag>/delete": [Use(MANAGER, "post")],
    f"{BASE}/tags/<int:tag>/decide": [Use(EDITOR, "post", {"document": "{document}", "answer": "accept"})],
    f"{DOCUMENT}/tags": [Use(EDITOR, "post", {"tag": "{tag}", "answer": "accept"})],
    f"{DOCUMENT}/versions": [Use(EDITOR, "post", {"pair": "{pair}", "answer": "version"})],
    f"{DOCUMENT}/": [
        Use(VIEWER),
        Use(VIEWER, query="?chunk={chunk}"),
        Use(VIEWER, query="?start=0&end=20"),
        Use(VIEWER, query="?view=text"),
        Use(OWNER, query="?citation={citation}"),
    ],
    f"{DOCUMENT}/pages/<int:number>.webp": [Use(VIEWER)],
    f"{DOCUMENT}/original": [Use(VIEWER)],
    f"{DOCUMENT}/cancel": [Use(EDITOR, "post")],
    f"{DOCUMENT}/retry": [Use(EDITOR, "post")],
    f"{DOCUMENT}/delete": [Use(EDITOR, "post")],
    f"{CONVERSATION}/": [Use(OWNER)],
    f"{CONVERSATION}/rename": [Use(OWNER), Use(OWNER, "post", {"title": "Other"})],
    f"{CONVERSATION}/delete": [Use(OWNER, "post")],
    "messages/<int:pk>/": [Use(OWNER)],
    "messages/<int:pk>/events": [Use(OWNER)],
    "messages/<int:pk>/marks": [Use(OWNER)],
    "messages/<int:pk>/stop": [Use(OWNER, "post")],
    "messages/<int:pk>/again": [Use(OWNER, "post", {"question": "How long?"})],
    "messages/<int:pk>/rate": [Use(OWNER, "post", {"rating": "1", "comment": "Right."})],
    f"{CONVERSATION}/export.md": [Use(OWNER)],
    f"{CONVERSATION}/share": [Use(OWNER, "post")],
    f"{CONVERSATION}/unshare": [Use(OWNER, "post")],
    "shared/<str:share>/": [Use(VIEWER)],
    "sources/<int:pk>/": [Use(OWNER)],
    "messages/<int:pk>/documents": [Use(OWNER)],
    f"{BASE}/not-read": [Use(MANAGER), Use(MANAGER, query="?document={document}")],
    "account/keys/<int:pk>/revoke": [Use(OWNER, "post")],
}

# The same over the API, with a key instead of a session.
API_OBJECTS: dict[str, list[Use]] = {
    API_BASE: [Use(VIEWER), Use(MANAGER, "patch", {"name": "Renamed"}), Use(MANAGER, "delete")],
    f"{API_BASE}/documents": [Use(VIEWER), Use(EDITOR, "post", {"file": "notes.txt"}, upload=True)],
    f"{API_BASE}/search-settings": [Use(MANAGER), Use(MANAGER, "patch", {"candidates": 50})],
    f"{API_BASE}/generations": [Use(MANAGER)],
    f"{API_BASE}/generations/<int:index>/switch": [Use(MANAGER, "post")],
    f"{API_BASE}/generations/<int:index>/retry": [Use(MANAGER, "post")],
    f"{API_BASE}/generations/rollback": [Use(MANAGER, "post")],
    f"{API_BASE}/generations/cancel": [Use(MANAGER, "post")],
    f"{API_BASE}/generations/forget": [Use(MANAGER, "post")],
    f"{API_BASE}/question-sets": [
        Use(MANAGER),
        Use(
            MANAGER, "post", {"name": "More", "questions": [{"question": "How?", "relevant": [{"document": "Rules"}]}]}
        ),
    ],
    f"{API_BASE}/question-sets/<int:question_set>": [Use(MANAGER)],
    f"{API_BASE}/evaluations": [Use(MANAGER), Use(MANAGER, "post", {})],
    f"{API_BASE}/evaluations/<uuidstr:run>": [Use(MANAGER)],
    API_DOCUMENT: [Use(VIEWER), Use(EDITOR, "delete")],
    f"{API_BASE}/topics": [Use(VIEWER)],
    f"{API_BASE}/tags": [Use(VIEWER)],
    f"{API_DOCUMENT}/versions": [Use(VIEWER)],
    f"{API_DOCUMENT}/tags/<int:tag>": [Use(EDITOR, "put"), Use(EDITOR, "delete")],
    f"{API_DOCUMENT}/original": [Use(VIEWER)],
    f"{API_DOCUMENT}/text": [Use(VIEWER)],
    f"{API_DOCUMENT}/retry": [Use(EDITOR, "post")],
}


def is_administration(route: str) -> bool:
    """The panel: all of it is for administrators, so that a new page in it needs no line here."""
    return route.startswith("admin/")


KINDS: list[Callable[[str], bool]] = [
    PUBLIC.__contains__,
    BY_TOKEN.__contains__,
    SIGNED_IN.__contains__,
    ADMINISTRATORS.__contains__,
    WITH_KEY.__contains__,
    PROTOCOLS.__contains__,
    OBJECTS.__contains__,
    API_OBJECTS.__contains__,
    is_administration,
]
