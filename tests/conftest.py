"""Fixtures for every test: a real PostgreSQL, a real browser, and the whole house running."""

from __future__ import annotations

from hypothesis import settings

from browser import *  # noqa: F403  # Its fixtures, by their names.
from house import *  # noqa: F403
from lock_witness import *  # noqa: F403
from postgres import *  # noqa: F403

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
