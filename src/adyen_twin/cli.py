"""The command `adyen-twin`. It imports the server only in `serve`, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

from cyclopts import App, CycloptsError, Parameter

from adyen_twin.core.profiles import PROFILES, ProfileName
from adyen_twin.version import version

ANSWER_S_MAX: Final = 30

app = App(
    name="adyen-twin",
    help="A local, stateful Adyen and GoPay to test against. "
    "Not made by, nor affiliated with, either.",
    version=version,
    version_flags=["--version"],
)


@app.command
def serve(  # noqa: PLR0913  # Each argument is an option of the command.
    *,
    host: str = "127.0.0.1",
    port: int = 8700,
    state: Path | None = None,
    lenient: Annotated[bool, Parameter(negative=())] = False,
    profile: ProfileName | None = None,
    world: Path | None = None,
    api_key: Annotated[str, Parameter(env_var="ADYEN_TWIN_API_KEY")] = "twin-api-key",
    merchant_account: str = "TwinMerchant",
    more_merchant_accounts: tuple[str, ...] = (),
    public_url: str | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
) -> None:
    """Serve the twin until it receives SIGTERM or SIGINT.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes any free one.
        state: The file to keep the state in; without one, the state is in memory only.
        profile: The knobs of another provider's GoPay; docs/twin.md lists them.
        lenient: Require browserInfo or channel in GoPay payments, instead of both.
        world: The seed, a YAML or JSON file, with which every world begins.
        api_key: The key that callers must send in X-API-Key. Other users of the machine can
            read the options of a command, but not its environment.
        merchant_account: The merchant account.
        more_merchant_accounts: A further merchant account; may be repeated.
        public_url: The base URL that shoppers use, if it is not the one that the shop calls.
        tls_cert: The certificate for https; without one, the twin serves http.
        tls_key: The key of the certificate.

    """
    if (tls_cert is None) != (tls_key is None):
        _fail("--tls-cert and --tls-key go together", 2)
    if world is not None and (lenient or profile is not None or state is not None):
        _fail("--world has knobs and a state: it goes without --lenient, --profile and --state", 2)
    for option, file in (("--tls-cert", tls_cert), ("--tls-key", tls_key), ("--world", world)):
        if file is not None and not file.is_file():
            _fail(f"{option}: {file}: no such file", 2)

    import msgspec

    from adyen_twin.core.settings import Knobs, Settings
    from adyen_twin.server import CannotServeError, Listen, run

    settings = Settings(
        api_key=api_key,
        merchant_account=merchant_account,
        more_merchant_accounts=more_merchant_accounts,
        public_url=public_url,
        state_file=state,
    )
    knobs = {"strict": not lenient} | (dict(PROFILES[profile]) if profile else {})
    try:
        run(settings, msgspec.convert(knobs, Knobs), Listen(host, port, tls_cert, tls_key), world)
    except CannotServeError as error:
        _fail(str(error), 1)


@app.command
def save(file: Path, *, url: str = "http://127.0.0.1:8700") -> None:
    """Save a world of a running twin into a seed, which `serve --world` loads.

    Args:
        file: The file to write: YAML if its name ends with .yaml or .yml, else JSON.
        url: The address of the twin; with /worlds/NAME at its end, that of another world.

    """
    import urllib.request

    import msgspec

    from adyen_twin.core.endpoints import is_web_address
    from adyen_twin.core.seed import Seed, write

    if not is_web_address(url):
        _fail(f"--url: {url} is no http or https address", 2)
    address = f"{url.rstrip('/')}/twin/seed"
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_S_MAX) as answer:  # noqa: S310
            write(msgspec.json.decode(answer.read(), type=Seed), file)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors, msgspec's ValueErrors.
        _fail(f"cannot save {url} into {file}: {error}", 1)


def main() -> None:
    """Run the command; an error is one line on stderr."""
    logging.basicConfig(format="adyen-twin: %(message)s", level=logging.WARNING)
    try:
        app(exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _fail(" ".join(str(error).split()), 2)


def _fail(message: str, code: int) -> NoReturn:
    print(f"adyen-twin: {message}", file=sys.stderr)
    sys.exit(code)
