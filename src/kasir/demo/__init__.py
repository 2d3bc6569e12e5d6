"""The whole house on one machine: database, twin, Kasir, and a small shop that sells coffee."""
