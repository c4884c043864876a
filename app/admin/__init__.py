"""The panel: its page, its assets, and the API that they use. Nothing of it keeps a session."""
