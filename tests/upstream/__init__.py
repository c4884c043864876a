"""Upstreams: servers in Poe's place.

``bots`` is a real server of Poe's protocol (``fastapi_poe`` behind uvicorn); ``scripted`` sends
the bytes that a test gives it, for what a real server cannot be made to do.
"""
