"""``make bench``: what the gateway costs, beside others, in one run on one machine."""
