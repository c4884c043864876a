"""What workers share: so far, the slots in which queries to Poe may start."""
