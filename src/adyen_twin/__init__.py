"""A local, stateful Adyen and GoPay to test against. Not made by, nor affiliated with, either.

Read from the bottom up: `core` (state, settings, clock) and `protocol` (Adyen's rules) know
nothing of each other; `webhooks` builds, queues and delivers notifications; `simulation` is
what happens to payments and tokens; `http_types` is what all HTTP handlers share; `api`
(Adyen's APIs), `gopay` (the shopper's pages) and `controls` (`/twin/`, for tests) do not
import each other; `app` puts the parts together, `server` runs it, `cli` is the command.

Each imports only from what is named before it; the contract `twin-layers` in pyproject.toml
checks that. The twin shares no code with `kasir`: docs/adr/0003 says why. Its page is
docs/twin.md.
"""
