// Adyen's own Node library saves a GoPay wallet in both models, charges it, lists it and removes it.
//
// Only the library's base URLs and key are changed. This program reads a JSON object with the URLs,
// the key and other input from standard input, and prints its results as a JSON object.
// tests/oracle/test_tokens_vs_node_library.py runs this program and checks the results.
"use strict";

const { CheckoutAPI, Client, EnvironmentEnum, RecurringAPI, hmacValidator } = require("@adyen/api-library");
const { readFileSync } = require("node:fs");

const input = JSON.parse(readFileSync(0, "utf8"));

const client = new Client({ apiKey: input.apiKey, environment: EnvironmentEnum.TEST });
const checkout = new CheckoutAPI(client);
const payments = checkout.PaymentsApi;
const stored = checkout.RecurringApi;
payments.baseUrl = stored.baseUrl = `${input.url}/v72`;
const classic = new RecurringAPI(client).RecurringApi;
classic.baseUrl = `${input.url}/pal/servlet/Recurring/v68`;

const amount = { currency: "IDR", value: 25000 };

function payment(reference, more) {
  const returnUrl = `https://shop.example/return?order=${reference}`;
  return { merchantAccount: input.merchantAccount, reference, amount, returnUrl, ...more };
}

// Approves as the shopper at the wallet. This is a control call of the twin: Adyen has none.
async function approve(action) {
  const response = await fetch(`${input.twin}/twin/wallet`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ url: action.url, do: "approve" }),
  });
  const { location } = await response.json();
  const redirectResult = new URL(location).searchParams.get("redirectResult");
  return payments.paymentsDetails({ details: { redirectResult } });
}

// Saves, charges, lists and removes one token; returns the results.
async function useToken(shopperReference, recurringProcessingModel) {
  const owner = { shopperReference, recurringProcessingModel };
  const first = payment(`${shopperReference}-first`, {
    ...owner,
    storePaymentMethod: true,
    paymentMethod: { type: "gopay_wallet" },
    channel: "Web",
    browserInfo: input.browserInfo,
  });
  const started = await payments.payments(first, { idempotencyKey: first.reference });
  const saved = await approve(started.action);
  const list = async () =>
    (await stored.getTokensForStoredPaymentDetails(shopperReference, input.merchantAccount))
      .storedPaymentMethods;
  const listed = await list();
  const storedPaymentMethodId = listed[0].id;
  const charge = payment(`${shopperReference}-charge`, {
    ...owner,
    paymentMethod: { storedPaymentMethodId },
    shopperInteraction: "ContAuth",
  });
  const options = () => ({ idempotencyKey: charge.reference });
  const charged = await payments.payments(charge, options());
  const again = await payments.payments(charge, options());
  const done = charged.action ? await approve(charged.action) : charged;
  const details = await classic.listRecurringDetails({
    merchantAccount: input.merchantAccount,
    shopperReference,
  });
  await stored.deleteTokenForStoredPaymentDetails(
    storedPaymentMethodId,
    shopperReference,
    input.merchantAccount,
  );
  const left = await list();
  const refused = await payments
    .payments({ ...charge, reference: `${charge.reference}-2` })
    .catch((error) => ({ status: error.statusCode, errorCode: error.errorCode }));
  return {
    started: started.resultCode,
    action: started.action.type,
    saved: saved.resultCode,
    listed: listed.map((row) => [row.id, row.type]),
    charged: charged.resultCode,
    again: again.resultCode,
    done: done.resultCode,
    pspReference: done.pspReference,
    details: details.details.map((row) => row.RecurringDetail.recurringDetailReference),
    left: left.length,
    refused,
  };
}

async function main() {
  const validator = new hmacValidator();
  const valid = input.signed.map(({ body, signature, key }) =>
    validator.validateHMACSignature(key, signature, body),
  );
  const results = await Promise.all(
    Object.entries(input.shoppers).map(async ([model, shopper]) => [model, await useToken(shopper, model)]),
  );
  console.log(JSON.stringify({ results: Object.fromEntries(results), valid }));
}

main().catch((error) => {
  console.error(error.responseBody ?? error);
  process.exitCode = 1;
});
