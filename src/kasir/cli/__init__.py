"""The command `kasir`.

Read in this order:

- `main`: every command with its options; each imports its module when it runs, so that `--help` is
  quick.
- `serve`, with `connections` (limits of each connection) and `one_line` (errors of the start).
- `worker`: background work.
- `doctor`: checks whether everything is ready to take money.
- `operator`, `deliveries`: the small commands; `start`: what a program prints when it starts.

`cli` may import every other package; no package imports `cli`.
"""
