"""Keep OpenVINO from telling Intel that it is used: imported before anything of openvino is.

`openvino.convert_model` reports to Google Analytics without asking, unless a file in the home folder says no. Where the
package that does so cannot be imported, openvino takes a stand-in of its own that does nothing.
"""

import sys

TELEMETRY = "openvino_telemetry"


class TelemetryIsOnError(RuntimeError):
    """Something has imported the package already, so that it can no longer be kept out."""


def keep_quiet() -> None:
    """Make `openvino_telemetry` impossible to import in this process. Raises TelemetryIsOnError if it is imported."""
    if sys.modules.get(TELEMETRY) is not None:
        raise TelemetryIsOnError(f"{TELEMETRY} is imported already.")
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # `import` then raises ImportError


keep_quiet()
