"""Rules of the system that the import contracts in pyproject.toml cannot say.

The contracts know which room imports which; they do not know what is imported from a library,
what is read from the machine, or what things are called.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

KASIR = PurePosixPath("src/kasir")

# Time, chance and the environment come in as arguments everywhere else.
READS_THE_MACHINE = ("cli", "clock.py", "config.py", "demo", "ids.py", "wiring.py")
OF_THE_MACHINE = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "os.environ",
    "os.getenv",
    "time.time",
    "time.time_ns",
    "uuid1",
    "uuid4",
    "uuid.uuid1",
    "uuid.uuid4",
}

# The parts of these libraries that are values, not input or output.
PURE_NAMES = {"http": {"HTTPStatus"}, "urllib": set[str]()}

WALLETLESS = ("payments", "store", "subscriptions", "tokens")
KNOWS_GOPAY = ("demo", "gateway")


def test_every_module_says_what_it_is_for(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    silent = [str(path) for path, module in modules.items() if not ast.get_docstring(module)]

    assert silent == []


def test_time_chance_and_environment_come_in_as_arguments(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    reading = [
        f"{path}:{node.lineno} {name}"
        for path, module in modules.items()
        if path.is_relative_to(KASIR) and path.parts[2] not in READS_THE_MACHINE
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute | ast.Name)
        if (name := _last_two(ast.unparse(node))) in OF_THE_MACHINE
    ]

    assert reading == []


def test_the_protocol_room_takes_only_values_from_http_and_urllib(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    impure = [
        f"{path}: {origin} {name}"
        for path, module in modules.items()
        if path.is_relative_to(KASIR / "adyen")
        for origin, name in _imports(module)
        if origin.split(".")[0] in PURE_NAMES and origin != "urllib.parse"
        if name not in PURE_NAMES[origin.split(".")[0]]
    ]

    assert impure == []


def test_no_room_of_the_domain_has_heard_of_a_wallet(
    texts: Mapping[PurePosixPath, str],
) -> None:
    heard = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts.items()
        if path.is_relative_to(KASIR) and path.parts[2] in WALLETLESS
        for number, line in enumerate(text.splitlines(), start=1)
        if "gopay" in f"{path.name} {line}".lower()
    ]

    assert heard == []


def test_nothing_outside_the_gateway_is_named_after_a_wallet(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    named = [
        f"{path}: {name}"
        for path, module in modules.items()
        if path.is_relative_to(KASIR) and path.parts[2] not in KNOWS_GOPAY
        for name in (path.stem, *_names(module))
        if "gopay" in name.lower()
    ]

    assert named == []


def test_whoever_moves_a_subscriptions_moment_lets_it_be_taken_anew(
    texts: Mapping[PurePosixPath, str],
) -> None:
    """Or a look would leave it to one who took it for a moment that is past."""
    updates = [
        statement
        for path, text in texts.items()
        if path.match("src/kasir/store/queries/*.sql")
        for statement in re.findall(r"UPDATE subscription\s+SET (.*?)WHERE", text, re.DOTALL)
    ]
    moved = [statement for statement in updates if "due_at =" in statement]

    assert len(moved) >= 3
    assert [statement for statement in moved if "taken_until = NULL" not in statement] == []


def _last_two(dotted: str) -> str:
    """`datetime.now`, however long the road to it was."""
    return ".".join(dotted.split(".")[-2:])


def _imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """What is imported, as (module, name); the name is empty for a whole module."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def _names(module: ast.Module) -> Iterator[str]:
    """Every name that the module gives to something of its own."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname
