"""The PostgreSQL server that comes with Kasir; it is used if `KASIR_DATABASE_URL` is not set.

Read in this order:

- `server`: starting, sharing, restarting and stopping the server (`embedded`, `kept_running`).
- `folder`: the data folder, the OS user that PostgreSQL runs as, and its programs.

Imports nothing of Kasir but `errors`, and knows no table. `wiring` uses it.
"""
