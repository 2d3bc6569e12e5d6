"""The whole system on one machine: database, twin, Kasir, and a small shop that sells coffee.

Read `run` first (the command), then `processes` (starts and stops the programs), `client` (the
calls of a journey) and `journeys` (the list of them). Most other modules hold journeys, one subject
each. The demo may import every package below `cli`, but its journeys use only HTTP.
"""
