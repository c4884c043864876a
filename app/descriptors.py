"""Descriptors: how many files and connections a process may have open (``ulimit -n``)."""

from __future__ import annotations

import resource

_SPARE = 1024  # idle connections and other requests; kept connections to Poe; files


def needed(concurrent: int, queue: int) -> int:
    """How many files a worker may need: for each request a connection to the client and one to Poe."""
    return 2 * concurrent + queue + _SPARE


def allow(count: int) -> int:
    """Raise this process's limit to ``count``, as far as that is allowed; return the limit in force then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    raised = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):
        return soft
    return raised
