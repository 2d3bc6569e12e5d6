"""Kasir as a library: typed requests and results, `Kasir` for asyncio, `SyncKasir` for threads.

Read `requests` and `results` first, then `client`: its methods turn the former into the latter.
`sync` runs a `Kasir` in a thread of its own.

May import every package below it, `wiring` and the use cases among them. `import kasir` imports
this package, so imports of the database driver and the like are inside functions.
"""

from __future__ import annotations
