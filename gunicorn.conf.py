"""Every setting of the server, read from the same Settings as the application.

gevent replaces the blocking parts of the standard library here, before anything else is
imported, and nowhere else.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import secrets  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from functools import partial  # noqa: E402
from itertools import count  # noqa: E402
from pathlib import Path  # noqa: E402
from shutil import rmtree  # noqa: E402

from gunicorn.arbiter import Arbiter  # noqa: E402
from gunicorn.workers.base import Worker  # noqa: E402

# Memory, which does not stall as a disk may, where there is a place for it.
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
_SCRATCH = "poe2openai-"
_OWN = f"/{_SCRATCH}{os.getpid()}-"  # a reload stays with its folder
# Where the workers count, each in files of its own; prometheus_client looks for it when it is imported.
_IS_RELOAD = _OWN in os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
if not _IS_RELOAD:
    _FOLDER = f"{_MEMORY or tempfile.gettempdir()}{_OWN}{secrets.token_hex(8)}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _FOLDER

from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

# The application is beside this file, wherever gunicorn was started; a reload has the path already.
if (_ROOT := str(Path(__file__).parent)) not in sys.path:
    sys.path.insert(0, _ROOT)

from app import descriptors, logs, scratch, start  # noqa: E402
from app.server import binding  # noqa: E402
from app.server.worker import is_retiring  # noqa: E402
from app.settings import DEFAULT_ADMIN_PASSWORD  # noqa: E402

settings = start.load()
# What a reload or an upgrade has it listens on already, and what systemd hands over, too.
if not _IS_RELOAD and not {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys():
    try:
        binding.check(settings.host, list(filter(None, (settings.port, settings.metrics_port))))
    except binding.CannotListen as error:
        sys.exit(f"poe2openai: {error}")

wsgi_app = "wsgi:app"
# The tokenizer's tables are loaded once and shared by all workers.
preload_app = True
_host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = [f"{_host}:{port}" for port in (settings.port, settings.metrics_port) if port]
workers = settings.workers
worker_class = "app.server.worker.GatewayWorker"
logger_class = "app.server.log.ServerLog"
# Beside those that are served or wait, connections that are idle or ask for something else.
worker_connections = settings.max_concurrent + settings.max_queue + 1024
max_requests = settings.max_requests
max_requests_jitter = settings.max_requests // 10
# The longest line and field, enough for a browser's cookies; app/server/requests.py bounds the whole head.
limit_request_line = 8190
limit_request_field_size = 16380
# A worker that does not report for this long is replaced. Streams do not count: they yield.
timeout = 60
# The master kills what is left then: the worker has done with it before.
graceful_timeout = math.ceil(settings.drain_seconds + settings.graceful_timeout) + 5
# Who a client is and where it sees us, the application finds out by itself: see app/proxies.py.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# Heartbeat files.
worker_tmp_dir = _MEMORY
control_socket_disable = True
loglevel = "warning" if settings.log_level == "warn" else settings.log_level
logconfig_dict = logs.configuration(settings.log_level, settings.log_format)
proc_name = "poe2openai"


def on_starting(server: Arbiter) -> None:
    """Say once, in the master, what an operator must not overlook."""
    if settings.admin_password == DEFAULT_ADMIN_PASSWORD:
        server.log.warning(
            "ADMIN_PASSWORD IS THE DEFAULT (%s): anyone who reaches this port can use /admin. "
            "Set ADMIN_PASSWORD.",
            DEFAULT_ADMIN_PASSWORD,
        )
    needed = descriptors.needed(settings.max_concurrent, settings.max_queue)
    allowed = descriptors.allow(needed)
    if allowed < needed:
        server.log.warning(
            "ulimit -n allows %d open files; MAX_CONCURRENT=%d and MAX_QUEUE=%d may need %d in a worker. "
            "Raise the limit, or lower the settings.",
            *(allowed, settings.max_concurrent, settings.max_queue, needed),
        )


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Have as many workers as are set, and beside them those that come to their end (see ``is_retiring``).

    In one that has ended nothing is under way. What it has counted stays.
    """
    mark_process_dead(worker.number)
    retiring = sum(is_retiring(worker) for worker in server.WORKERS.values())
    server.num_workers = server.cfg.workers + retiring


_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def _end_when_stopped() -> None:
    """In a worker that has just been forked, whose handlers are still the master's."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


# A signal that reaches a worker before it listens to signals would be lost, and the worker never stop. One
# that is not ready yet may just end: nobody is served by it.
os.register_at_fork(
    before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, _STOPS),
    after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOPS),
    after_in_child=_end_when_stopped,
)


def when_ready(_server: Arbiter) -> None:
    """Have a place to count."""
    scratch.make(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]), _SCRATCH)


def on_exit(_server: Arbiter) -> None:
    """Take the counts along."""
    rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give the worker the first number that none has, and the collector a rest."""
    taken = {other.number for other in server.WORKERS.values()}
    worker.number = next(number for number in count() if number not in taken)
    _spare_collector()


def _spare_collector() -> None:
    """Spare the workers' collector: it stops everything for as long as it looks at thousands of streams.

    What all workers share it never looks at, which would also copy its pages. Hardly anything is left
    for it: a request that has ended goes by its reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 20)


def post_fork(_server: Arbiter, _worker: Worker) -> None:
    """Leave paths to the application: gunicorn fails a request whose path does not begin with SCRIPT_NAME."""
    os.environ.pop("SCRIPT_NAME", None)


def post_worker_init(worker: Worker) -> None:
    """Count apart; have models.yaml and the list of bots at hand before the first request needs them."""
    worker.wsgi.extensions["counters"].take_row(worker.age)
    worker.wsgi.extensions["metrics"].take_number(worker.number)
    for prepare in worker.wsgi.extensions["prepares"]:
        prepare()
