"""The soak: the gateway under mixed load, with faults in it, for so long that what grows shows."""
