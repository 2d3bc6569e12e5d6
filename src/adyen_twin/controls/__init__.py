"""The twin's own controls, under /twin/."""
