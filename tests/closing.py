"""Close what the product keeps open in this process, so that no test leaves a connection to the next one."""

import sys

KEPT = {
    "kb.calls_a_minute": "_clients",
    "search.answer_lane": "_clients",
    "search.lane": "_engines",
    "search.rerank": "_engines",
    "search.stores.chroma": "_servers",
}


def close_connections() -> None:
    """Those of the modules that were imported: a test that needs none of them does not pay for them."""
    for module, name in KEPT.items():
        if module in sys.modules:
            getattr(sys.modules[module], name).close()
