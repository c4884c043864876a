"""Redis: what workers share, for those of several machines. The only place that imports redis."""
