"""A client that a public generator makes of the OpenAPI document pays, refunds and subscribes."""

from __future__ import annotations

import importlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kasir.demo.client import JourneyClient, until
from kasir.demo.processes import RunningDemo
from openapi_document import own_document

PACKAGE = "kasir_client"
GENERATOR = str(Path(sys.executable).with_name("openapi-python-client"))


class GeneratedClient:
    """The generated package: `client.call(operation, …)` and `client.models`."""

    def __init__(self, url: str, key: str) -> None:
        self.models = importlib.import_module(f"{PACKAGE}.models")
        made = importlib.import_module(f"{PACKAGE}.client")
        self.client = made.AuthenticatedClient(
            base_url=url, token=key, prefix="", auth_header_name="X-API-Key"
        )

    async def call(self, operation: str, *arguments: Any, **more: Any) -> Any:
        """Call `tag.operation` of the package; returns the answer as one of its models."""
        module: ModuleType = importlib.import_module(f"{PACKAGE}.api.{operation}")
        return await module.asyncio(*arguments, client=self.client, **more)


@pytest.fixture(scope="module")
def package(system: RunningDemo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the package that the generator makes of the served document."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.json"
    config.write_text('{"post_hooks": []}')
    document = ["--url", f"{system.kasir_url}/api/openapi.json", "--config", str(config)]
    output = ["--meta", "none", "--output-path", str(folder / PACKAGE), "--fail-on-warning"]
    made = subprocess.run(
        [GENERATOR, "generate", *document, *output],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))


@pytest.fixture
async def generated(package: Path, system: RunningDemo) -> AsyncIterator[GeneratedClient]:
    generated = GeneratedClient(system.kasir_url, system.api_key)
    async with generated.client:
        yield generated


def new_name(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"


def payment(models: Any, reference: str, **more: Any) -> Any:
    """A payment, built of the package's own types."""
    return models.PaymentRequest(
        reference=reference,
        amount=models.AmountOut(currency="IDR", value=25_000),
        payment_method=models.PaymentMethod(type_="gopay_wallet"),
        channel="Web",
        browser_info=browser_info(models),
        return_url="https://shop.example/return",
        **more,
    )


def browser_info(models: Any) -> Any:
    """The shopper's browser."""
    return models.BrowserInfo(
        user_agent="Mozilla/5.0 (Linux; Android 14)",
        accept_header="text/html",
        language="id-ID",
        color_depth=24,
        screen_height=844,
        screen_width=390,
        time_zone_offset=-420,
        java_enabled=False,
    )


async def finished(client: GeneratedClient, journey: JourneyClient, answer: Any) -> str:
    """Approve a payment at the wallet and finish it; returns the result code."""
    result = await journey.shopper({"url": answer.action.url}, "approve")
    details = client.models.Details(redirect_result=result)
    body = client.models.DetailsRequest(details=details)
    return str((await client.call("checkout.post_payments_details", body=body)).result_code)


async def test_the_generated_client_pays_refunds_and_lists_the_events(
    generated: GeneratedClient, journey_client: JourneyClient
) -> None:
    models, reference = generated.models, new_name("GEN")
    body = payment(models, reference)
    first = await generated.call("checkout.post_payments", body=body, idempotency_key=reference)
    again = await generated.call("checkout.post_payments", body=body, idempotency_key=reference)
    result = await finished(generated, journey_client, first)

    async def read() -> Any:
        (found,) = (await generated.call("kasir.get_payments", reference=reference)).payments
        return found

    paid = await until(read, lambda found: found.status == "authorised", "a paid payment")
    refund = models.ChangeRequest(
        amount=models.AmountOut(currency="IDR", value=10_000), reference="one of two"
    )
    changed = await generated.call(
        "checkout.post_payment_change",
        paid.psp_reference,
        models.PostPaymentChangeChange.REFUNDS,
        body=refund,
    )
    refunded = await until(read, lambda found: found.refunded == 10_000, "a refund")
    events = [event for event in await every_event(generated) if is_about(event, reference)]

    assert (first.result_code, first.to_dict()) == ("RedirectShopper", again.to_dict())
    assert (result, changed.status) == ("Authorised", "received")
    assert [one.reference for one in refunded.refunds] == [changed.psp_reference]
    assert [event.type_ for event in events] == ["payment.authorised", "refund.succeeded"]
    assert {type(event.data) for event in events} == {models.PaymentOut}
    assert events[-1].data.refunded == 10_000


async def every_event(client: GeneratedClient) -> list[Any]:
    """All events, page by page."""
    events: list[Any] = []
    after = None
    while (page := await client.call("kasir.get_events", after=after)).events:
        events += page.events
        after = page.next_
    return events


def is_about(event: Any, reference: str) -> bool:
    return bool(getattr(event.data, "reference", None) == reference)


async def test_the_generated_client_signs_a_shopper_up(
    generated: GeneratedClient, journey_client: JourneyClient
) -> None:
    models, reference = generated.models, new_name("GEN")
    plan = await generated.call(
        "subscriptions.post_plan",
        body=models.PlanRequest(
            reference=new_name("PLAN"),
            amount=models.AmountOut(currency="IDR", value=99_000),
            interval=models.Interval(unit=models.Unit.MONTH, count=1),
        ),
    )
    sign_up = models.SignUpRequest(
        plan=plan.id,
        reference=reference,
        shopper_reference=new_name("shopper"),
        channel="Web",
        browser_info=browser_info(models),
        return_url="https://shop.example/account",
    )
    signed_up = await generated.call(
        "subscriptions.post_subscription", body=sign_up, idempotency_key=reference
    )
    result = await finished(generated, journey_client, signed_up.payment)

    async def read() -> Any:
        return await generated.call("subscriptions.get_subscription", signed_up.id)

    active = await until(read, lambda found: found.status == "active", "an active subscription")
    at_end = models.CancelCommand(at=models.CancelCommandAt.PERIODEND)
    cancelled = await generated.call(
        "subscriptions.post_subscription_cancel", signed_up.id, body=at_end
    )
    events = [event for event in await every_event(generated) if is_about(event, reference)]
    of_subscription = [event for event in events if event.type_.startswith("subscription.")]

    assert (signed_up.status, result) == ("incomplete", "Authorised")
    assert cancelled.cancel_at == active.current_period.end
    assert {type(event.data) for event in of_subscription} == {models.SubscriptionOut}
    assert [event.type_ for event in of_subscription] == [
        "subscription.activated",
        "subscription.cancel_planned",
    ]


async def test_the_generated_client_returns_an_error_as_its_type(
    generated: GeneratedClient,
) -> None:
    models = generated.models
    dollars = models.AmountOut(currency="USD", value=25_000)
    body = payment(models, new_name("GEN"))
    body.amount = dollars
    refused = await generated.call("checkout.post_payments", body=body)
    unknown = await generated.call("kasir.get_payment", "pay_none")

    assert {type(refused), type(unknown)} == {models.AdyenError}
    assert (refused.status, unknown.status) == (422, 404)
    assert "amount.currency" in refused.message


def test_the_generated_client_has_a_module_for_each_operation(package: Path) -> None:
    modules = {path.stem.replace("_", "") for path in (package / "api").glob("*/*.py")}

    assert {one.name.lower() for one in own_document().operations()} == modules - {"init"}
