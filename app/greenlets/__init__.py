"""Greenlets: the only room that knows them, and gevent's event loop, beside the server's."""
