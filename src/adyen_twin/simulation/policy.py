"""What Adyen's pages disagree about, as the knobs of a twin decide it."""

from __future__ import annotations

from adyen_twin.core.state import Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import payment_checks
from adyen_twin.protocol.limits import INTERACTIONS
from adyen_twin.protocol.rules import Policy
from adyen_twin.simulation import tokens


def policy_of(twin: Twin) -> Policy:
    """Return what the rules require where Adyen's pages disagree."""
    knobs = twin.knobs
    return Policy(
        strict=knobs.strict,
        app_browser_info=knobs.app_browser_info == "required",
        charge_return_url=knobs.charge_return_url == "required",
        card_on_file_ecommerce=knobs.card_on_file_interaction == "any",
    )


def interactions_of(twin: Twin, token: Token) -> list[str]:
    """Return the values of `shopperInteraction` with which a charge of the token is accepted."""
    policy = policy_of(twin)
    accepted = {
        name
        for model in tokens.models(twin, token)
        for name in payment_checks.interactions(policy, model)
    }
    # A lenient twin accepts Moto and POS too, but they make no sense with a wallet.
    return [name for name in INTERACTIONS if name in accepted and name not in ("Moto", "POS")]
