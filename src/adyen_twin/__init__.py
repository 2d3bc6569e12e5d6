"""A local, stateful simulation of Adyen and GoPay for tests; neither company made it.

The packages and modules, from the lowest layer to the highest:

- `core` (state, settings, clock) and `protocol` (Adyen's rules) do not import each other.
- `webhooks` builds, queues and delivers notifications.
- `settlement` keeps the books and writes Adyen's reports.
- `simulation` changes payments and tokens.
- `http_types` has the types and functions that all HTTP handlers share.
- `api` (Adyen's APIs), `gopay` (the shopper's pages) and `controls` (`/twin/`, for tests) do
  not import each other.
- `app` builds the application, `server` runs it, and `cli` is the command.
- `testing` runs the twin for tests in Python, and `pytest_plugin` gives it to pytest.

Each imports only from lower layers; the contract `twin-layers` in pyproject.toml checks this.
Terms that all of them use: a knob is a setting that can change while the twin runs. A control
is a call to `/twin/`. GUESS marks a behaviour of Adyen or GoPay that could not be established.

docs/twin.md describes the twin. docs/adr/0003 explains why it shares no code with `kasir`.
"""
