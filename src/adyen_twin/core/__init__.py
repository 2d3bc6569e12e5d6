"""What the twin is made of: settings, faults, clock, state and storage."""
