"""The whole system on one machine: database, twin, Kasir, and a small shop that sells coffee.

Read `run` first (the command), then `processes` (starts and stops the programs), `client` (what a
journey calls) and `journeys` (the list of them). The other modules hold journeys, one subject each.
The demo may import every package of Kasir, but its journeys use only HTTP.
"""
