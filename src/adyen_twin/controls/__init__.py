"""The twin's own controls under /twin/: for tests, demos and programs on this machine.

Read in this order: `callers` (who may use the controls), `requests` (the bodies of calls, and
the error for an invalid one), `choices` (the valid names, for that error), `reports` (the JSON
of the answers), `routes`, `shopper_routes` and `report_routes` (every path).

A control reads its request, calls `simulation` or changes the configuration, and answers with
a report. It decides nothing about payments. docs/twin.md lists the paths and their JSON.
May import: `http_types` and below. Not `api`, not `gopay`.
"""
