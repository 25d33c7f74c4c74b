"""Which process spans and metrics come from."""

import os
import socket
from typing import TYPE_CHECKING

from perdure.version import core_version

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


def process_resource() -> "Resource":
    """Return what names this process; what the environment says of the service comes first."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    named = {
        "service.name": "perdure",
        "service.version": core_version(),
        "service.instance.id": f"{os.getpid()}@{socket.gethostname()}",
    }
    return Resource.create(named).merge(OTELResourceDetector().detect())
