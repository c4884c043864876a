"""The real configuration, with a resolver that says nothing while there is a file ``mute`` in CONFIG_DIR.

It knows one name, which is this machine's.
"""

import _socket
import os
import time
from pathlib import Path

_sleep, _look_up = time.sleep, _socket.getaddrinfo  # the system's: gevent asks it in a thread

exec(compile(Path("gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))


def _mute(host, *args, **kwargs):
    while Path(os.environ["CONFIG_DIR"], "mute").exists():
        _sleep(0.02)
    return _look_up("127.0.0.1" if host == "poe.example" else host, *args, **kwargs)


_socket.getaddrinfo = _mute
