"""The panel: its page, its assets, and the API that they use. There are no sessions."""
