"""Descriptors: how many files and connections a process may have open (``ulimit -n``)."""

from __future__ import annotations

import resource

_SPARE = 1024  # connections that are idle, or ask for something else; kept ones to Poe; files


def needed(concurrent: int, queue: int) -> int:
    """What a worker needs: a connection to the client and one to Poe for each request under way."""
    return 2 * concurrent + queue + _SPARE


def allow(count: int) -> int:
    """Raise this process's limit to ``count`` if it is lower, as far as that is allowed; the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    raised = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):
        return soft
    return raised
