"""The twin's own controls under /twin/: for tests, demos and programs on this machine.

Read in this order: `callers` (who may use them), `requests` (what a control call may
contain, and the error if it cannot be read), `choices` (valid names, for that error),
`reports` (the JSON of the answers), `routes` and `shopper_routes` (every path).

A control reads its request, calls `simulation` or changes the configuration, and reports.
It decides nothing about payments. Paths and JSON are an interface: docs/twin.md lists them.
May import: `http_types` and below. Not `api`, not `gopay`.
"""
