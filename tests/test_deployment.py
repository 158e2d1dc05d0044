"""What is shipped beside the code agrees with it."""

import re
import tomllib
from pathlib import Path

import yaml

from search.presets.server_keys import EMBEDDING, RERANKING

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_ALONE = {"KB_DOMAIN", "KB_DATABASE_PASSWORD", "KB_REDIS_PASSWORD", "KB_VERSION", "KB_MAX_REQUEST"}


def named_in_the_code() -> set[str]:
    reading = re.compile(r'\benv(?:_bool|_int|_list|_choice|_url)?\("(KB_[A-Z_]+)"')
    files = (file for app in ("kb", "search", "ingestion") for file in (ROOT / app).rglob("*.py"))
    named = {name for file in files for name in reading.findall(file.read_text(encoding="utf-8"))}
    return named | {EMBEDDING, RERANKING}  # which presets name


def test_env_example_lists_every_setting_once_and_no_other():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = [match[1] for line in lines if (match := re.match(r"#?(KB_[A-Z_]+)=", line))]
    assert sorted(listed) == sorted(named_in_the_code() | COMPOSE_ALONE)


def services() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_only_caddy_is_reached_from_outside():
    assert [name for name, service in services().items() if "ports" in service] == ["caddy"]
    assert [name for name, service in services().items() if "front" in service["networks"]] == ["caddy"]


def test_caddy_hangs_up_for_a_client_that_is_gone():
    lines = (ROOT / "Caddyfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.split()[:1] == ["flush_interval"]] == []


def test_only_what_asks_a_language_model_has_a_way_out():
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["networks"]
    assert networks["back"]["internal"]
    assert [name for name, service in services().items() if "out" in service["networks"]] == ["answer"]


def test_every_service_that_stays_is_asked_for_its_health():
    assert [name for name, service in services().items() if "healthcheck" not in service] == ["setup"]


def test_what_writes_has_a_minute_to_stop():
    writing = ("chroma", "postgres", "parse", "embed", "answer", "reconciler", "web")
    assert {services()[name]["stop_grace_period"] for name in writing} == {"60s"}


def test_no_password_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{KB_[A-Z]+_PASSWORD([^}]*)\}", text)) == {":?set it in .env"}


def test_the_lock_for_a_cpu_brings_no_cuda_along():
    names = re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements/cpu.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if name.startswith(("nvidia", "cuda", "triton", "torch"))] == []


def test_the_locks_name_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = (ROOT / "requirements/gpu.txt").read_text(encoding="utf-8")
    asked = [re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-") for line in project["dependencies"]]
    assert [name for name in asked if not re.search(rf"^{re.escape(name)}==", locked, re.MULTILINE)] == []
