"""The WSGI entry point: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

from app import create_app
from app.settings import Settings

app = create_app(Settings.load())
