// One call by Adyen's own Node library: reads {url, apiKey, method, body} as JSON from standard
// input, and prints the library's result as JSON. kasir.demo.node_library runs it.
"use strict";

const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

// The library is searched from the current folder and by NODE_PATH, not from this file's folder.
const load = createRequire(join(process.cwd(), "shop.js"));
const { CheckoutAPI, Client, EnvironmentEnum } = load("@adyen/api-library");

async function main() {
  const { url, apiKey, method, body } = JSON.parse(readFileSync(0, "utf8"));
  const client = new Client({ apiKey, environment: EnvironmentEnum.TEST });
  const payments = new CheckoutAPI(client).PaymentsApi;
  payments.baseUrl = `${url}/v72`; // The one line that an integration changes.
  console.log(JSON.stringify(await payments[method](body)));
}

main().catch((error) => {
  console.error(error.responseBody ?? error.message);
  process.exitCode = 1;
});
