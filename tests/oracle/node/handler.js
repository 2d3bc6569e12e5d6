// A handler of Adyen's notifications with Adyen's own Node library, in the shape of Adyen's samples.
//
// Its two arguments are the HMAC keys of standard and of token notifications. It prints its port,
// then one line of JSON for each notification that it accepted.
// tests/oracle/test_relay_vs_adyen_handlers.py runs this program.
"use strict";

const { hmacValidator } = require("@adyen/api-library");
const { createServer } = require("node:http");

const [hmacKey, tokenKey] = process.argv.slice(2);
const validator = new hmacValidator();

// Returns what was received, or null if its signature is not valid.
function verified(url, headers, body) {
  if (url === "/tokens") {
    const isValid = validator.validateHMACSignature(tokenKey, headers.hmacsignature, body);
    return isValid ? JSON.parse(body).eventId : null;
  }
  const notification = JSON.parse(body).notificationItems[0].NotificationRequestItem;
  return validator.validateHMAC(notification, hmacKey) ? notification.pspReference : null;
}

const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const name = verified(request.url, request.headers, Buffer.concat(pieces).toString("utf8"));
    if (name !== null) console.log(JSON.stringify(name));
    response.statusCode = name === null ? 401 : 202;
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address().port)));
