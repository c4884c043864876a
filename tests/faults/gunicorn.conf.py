"""The real configuration, with workers that write down what they hold when they get ``census.SIGNAL``."""

import gc
import itertools
import json
import signal
from pathlib import Path

exec(compile(Path("gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))

_numbers = itertools.count()
_at_start = post_worker_init  # noqa: F821 - the real one's
signal.signal(signal.SIGRTMIN, signal.SIG_IGN)  # until a worker listens


def post_worker_init(worker):
    _at_start(worker)
    folder = worker.wsgi.extensions["settings"].config_dir
    signal.signal(signal.SIGRTMIN, lambda *_: _write(worker, folder))


def _write(worker, folder: Path) -> None:
    from greenlet import greenlet

    from app.greenlets.producers import Producers

    gc.collect()
    greenlets = [each for each in gc.get_objects() if isinstance(each, greenlet) and not each.dead]
    waiting = [
        each for each in greenlets if each.gr_frame and each.gr_frame.f_code is Producers._run.__code__
    ]
    pools = [upstream._connections._idle for upstream in worker.wsgi.extensions["upstreams"]]
    census = {
        "greenlets": len(greenlets) - len(waiting),  # those that wait for an answer to produce are no leak
        "kept": sum(map(len, pools)),
        "connections": len(worker._connections),
    }
    new = folder / f".census-{worker.pid}-{next(_numbers)}"  # a signal may come in the middle of another one
    new.write_text(json.dumps(census))
    new.rename(folder / f".census-{worker.pid}")
