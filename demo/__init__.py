"""A stage without Poe: bots that speak Poe's protocol, and the gateway in front of them.

``make demo`` runs it; ``bots`` can be served alone, by tests or for trying a client.
"""
