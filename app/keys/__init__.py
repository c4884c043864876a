"""The gateway's own keys, for when Poe's key stays on the server: by name and digest in a file."""
