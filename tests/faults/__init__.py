"""The fault suite: whatever goes wrong on either side, it ends clearly and leaves nothing behind.

Run it whole with ``make test-faults``; ``make test`` leaves out what is marked ``long``.
"""
