"""Rules of the architecture that the import contracts in pyproject.toml cannot express.

The contracts check which package imports which. They do not check which names are imported from a
library, what is read from the machine, or how things are named.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

KASIR = PurePosixPath("src/kasir")

# Only these packages and modules read the time, random numbers and the environment. All other code
# gets these values as arguments.
READS_THE_MACHINE = ("cli", "clock.py", "config.py", "demo", "ids.py", "wiring.py")
MACHINE_NAMES = {
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

# By library, the names that do no input or output. All of `urllib.parse` is allowed too.
PURE_NAMES = {"http": {"HTTPStatus"}, "urllib": set[str]()}

# The packages that do not mention GoPay at all, and those in which a name may contain it.
WITHOUT_WALLET = ("payments", "store", "subscriptions", "tokens")
MAY_NAME_GOPAY = ("demo", "gateway")


def test_every_module_has_a_docstring(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    without = [str(path) for path, module in modules.items() if not ast.get_docstring(module)]

    assert without == []


def test_time_random_numbers_and_environment_are_arguments(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    reading = [
        f"{path}:{node.lineno} {name}"
        for path, module in modules.items()
        if path.is_relative_to(KASIR) and path.parts[2] not in READS_THE_MACHINE
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute | ast.Name)
        if (name := _last_two(ast.unparse(node))) in MACHINE_NAMES
    ]

    assert reading == []


def test_the_adyen_package_does_no_input_or_output_with_http_and_urllib(
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


def test_no_package_of_the_domain_mentions_gopay(
    texts: Mapping[PurePosixPath, str],
) -> None:
    mentions = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts.items()
        if path.is_relative_to(KASIR) and path.parts[2] in WITHOUT_WALLET
        for number, line in enumerate(text.splitlines(), start=1)
        if "gopay" in f"{path.name} {line}".lower()
    ]

    assert mentions == []


def test_no_name_outside_the_gateway_and_the_demo_contains_gopay(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    names = [
        f"{path}: {name}"
        for path, module in modules.items()
        if path.is_relative_to(KASIR) and path.parts[2] not in MAY_NAME_GOPAY
        for name in (path.stem, *_names(module))
        if "gopay" in name.lower()
    ]

    assert names == []


def test_every_statement_that_changes_due_at_of_a_subscription_also_clears_taken_until(
    texts: Mapping[PurePosixPath, str],
) -> None:
    """Otherwise no worker would take the subscription before the old time in `taken_until`."""
    updates = [
        statement
        for path, text in texts.items()
        if path.match("src/kasir/store/queries/*.sql")
        for statement in re.findall(r"UPDATE subscription\s+SET (.*?)WHERE", text, re.DOTALL)
    ]
    changed = [statement for statement in updates if "due_at =" in statement]

    assert len(changed) >= 3
    assert [statement for statement in changed if "taken_until = NULL" not in statement] == []


def _last_two(dotted: str) -> str:
    """The last two parts of a dotted name: `datetime.now` of `datetime.datetime.now`."""
    return ".".join(dotted.split(".")[-2:])


def _imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Every import, as (module, name); the name is empty if the whole module is imported."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def _names(module: ast.Module) -> Iterator[str]:
    """Every name that the module defines: functions, classes, variables, arguments, aliases."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname
