"""Keeps libraries from reporting to their makers that they are used."""

import os
import sys
from typing import Any, cast


def report_no_use() -> None:
    """Turn off the telemetry of ONNX Runtime, OpenVINO and NNCF in this process and its children.

    It must be called before they are imported. On import, ONNX Runtime stores an identifier of
    the device and sends events about sessions and the machine to Microsoft, from threads of its
    own; OpenVINO starts a process that sends an event to Google Analytics. Both would use the
    network unasked, write into the home folder, and take time of what is measured.

    ONNX Runtime reads a variable, which is left as it is if the user has set it. OpenVINO and NNCF
    have no switch for one process, but do without the package that sends.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # None makes an import of this name fail, as if the package were not installed.
    cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
