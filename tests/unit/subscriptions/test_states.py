"""The table of states is complete, and the documentation shows it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kasir.subscriptions.events import OF_MOVE, SILENT
from kasir.subscriptions.states import MOVES, OVER, IllegalMove, Move, State, moved

ROOT = Path(__file__).resolve().parents[3]


def script() -> ModuleType:
    """The script that writes the documentation."""
    path = ROOT / "scripts" / "document_subscriptions.py"
    spec = importlib.util.spec_from_file_location("document_subscriptions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documentation_shows_the_table_of_states() -> None:
    documenting = script()
    page = documenting.PAGE.read_text("utf-8")

    assert documenting.drawn(page) == page, "run scripts/document_subscriptions.py"


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached(state: State) -> None:
    reached, before = {State.INCOMPLETE}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {end for (start, _), end in MOVES.items() if start in reached}

    assert state in reached


@pytest.mark.parametrize("state", State)
def test_only_final_states_have_no_transition(state: State) -> None:
    has_transition = any(start is state for start, _ in MOVES)

    assert has_transition is (state not in OVER)


@pytest.mark.parametrize("move", Move)
def test_every_move_is_possible_and_either_has_an_event_or_is_silent(move: Move) -> None:
    is_possible = any(possible is move for _, possible in MOVES)

    assert (is_possible, move in OF_MOVE) == (True, move not in SILENT)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_a_move_that_the_table_does_not_contain_is_illegal(state: State, move: Move) -> None:
    if (state, move) in MOVES:
        assert moved(state, move) is MOVES[state, move]
    else:
        with pytest.raises(IllegalMove):
            moved(state, move)
