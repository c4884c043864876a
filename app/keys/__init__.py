"""The gateway's own keys, for when Poe's key stays on the server: names and digests in a file."""
