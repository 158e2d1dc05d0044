"""`manage.py mcp`, started by the SDK's client as a program would start it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).resolve().parents[3]
MAKE = """
from kb.models import ApiKey, Document, KnowledgeBase, Section, User
alice = User.objects.create_user("alice")
base = KnowledgeBase.objects.create(name="Handbook", created_by=alice, open_to_everyone=True)
document = Document.objects.create(
    knowledge_base=base, title="Rules", name="rules.txt", media_type="text/plain", size=1, sha256="1", status="ready")
Section.objects.create(document=document, ordinal=0, kind="paragraph", text="Twelve crowns a week.", start=0)
print(ApiKey.issue(alice, "test")[1], document.pk)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A data folder of its own, with no service running."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KB_", "DJANGO_"))}
    return {**kept, "KB_DATA": str(tmp_path_factory.mktemp("data")), "KB_LOG_LEVEL": "DEBUG"}


@pytest.fixture(scope="module")
def made(environment):
    """(a key of Alice's, the id of a document that she may read)"""
    _manage(environment, "migrate", "--verbosity", "0")
    done = _manage(environment, "shell", "--no-imports", "-c", MAKE)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-2:]


def _manage(environment, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_program_talks_to_it(environment, made, tmp_path, mode):
    secret, document = made
    file = tmp_path / "key"
    file.write_text(f"{secret}\n")
    arguments = ["manage.py", "mcp", "--key-file", str(file)]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=ROOT)

    async def talk():
        async with Client(server, mode=mode, cache=None) as client:
            tools = (await client.list_tools()).tools
            bases = await client.call_tool("list_knowledge_bases", {})
            read = await client.call_tool("read_document", {"document": document})
            resources = (await client.list_resources()).resources
            text = (await client.read_resource(resources[0].uri)).contents[0].text
            return {tool.name for tool in tools}, bases.structured_content, read.structured_content, text

    names, bases, read, text = asyncio.run(talk())
    assert names == {"search", "ask", "list_knowledge_bases", "read_document"}  # Alice may write to none
    assert [one["name"] for one in bases["knowledge_bases"]] == ["Handbook"]
    assert read["text"] == text == "Twelve crowns a week."


def test_without_a_key_it_says_what_is_missing(environment, made, tmp_path):
    for arguments, said in (
        ((), "KB_MCP_KEY"),
        (("--key-file", str(tmp_path / "nowhere")), "cannot be read"),
    ):
        done = _manage(environment, "mcp", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
    wrong = _manage({**environment, "KB_MCP_KEY": "lec_wrong"}, "mcp")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "not known" in wrong.stderr and "Traceback" not in wrong.stderr


def test_it_ends_with_its_input_and_says_nothing_else_on_its_output(environment, made):
    done = _manage({**environment, "KB_MCP_KEY": made[0]}, "mcp")
    assert (done.returncode, done.stdout) == (0, "")
