"""The protocol's own conformance checks, held against a running Lectern.

@modelcontextprotocol/conformance is made for an example server with tools, prompts and resources of certain names; of
its scenarios these ask nothing but what any server does. It sends no key, so a proxy puts one in. It is looked for in
the folder that KB_MCP_CONFORMANCE names, where `npm install node@22.23.3 @modelcontextprotocol/conformance@0.1.16` was
run: it needs a newer node than Debian has.
"""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.django_db(transaction=True)

SCENARIOS = ("server-initialize", "ping", "tools-list", "resources-list", "dns-rebinding-protection")
KEPT = ("host", "origin", "accept", "content-type", "mcp-protocol-version", "mcp-session-id")


@pytest.fixture(scope="module")
def suite():
    """The folder of the suite."""
    folder = Path(os.environ.get("KB_MCP_CONFORMANCE", "/nowhere"))
    if not (folder / "node_modules" / "@modelcontextprotocol" / "conformance").is_dir():
        missing = pytest.fail if os.environ.get("KB_REQUIRE_ALL") == "1" else pytest.skip
        missing("The conformance suite is not in the folder that KB_MCP_CONFORMANCE names.")
    return folder / "node_modules"


@pytest.fixture
def address(live_server, answering, rules, alice, key_of):
    """/mcp behind a proxy that puts Alice's key in and leaves Host and Origin as they come."""
    secret = key_of(alice)

    class Proxy(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: self.headers[name] for name in KEPT if name in self.headers}
            headers["Authorization"] = f"Bearer {secret}"
            answer = httpx.request(self.command, f"{live_server.url}/mcp", content=body, headers=headers, timeout=60)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET = do_DELETE = _pass_on  # noqa: N815

        def log_message(self, *arguments) -> None:
            """Nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_port}/mcp"
    proxy.shutdown()
    proxy.server_close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lectern_conforms(suite, address, scenario):
    node = suite / "node" / "bin" / "node"
    program = suite / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    done = subprocess.run(
        [node, program, "server", "--url", address, "--scenario", scenario], capture_output=True, text=True,
        cwd=suite.parent, stdin=subprocess.DEVNULL, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed: 0/" not in done.stdout, done.stdout
