"""System checks: what would make the service fail later is said at start, with a hint."""
