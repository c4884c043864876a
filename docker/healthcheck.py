"""The image's health check: ends with 0 if this container's gateway is ready, with 1 if not."""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_SECONDS = 4  # under the HEALTHCHECK's own
# Where a server that listens everywhere is found.
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def main() -> None:
    """Request ``/readyz`` where the gateway listens according to the settings, without a proxy."""
    host = os.environ.get("HOST", "").strip()
    port = os.environ.get("PORT", "").strip() or "8080"
    try:
        connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        sys.exit(f"not ready: {error}")
    if status != 200:
        sys.exit(f"not ready: /readyz answers {status}")
    sys.stdout.write("ready\n")


if __name__ == "__main__":
    main()
