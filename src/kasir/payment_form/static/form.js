// Makes the payment form more convenient. The form works without this script.
"use strict";

const COLOR_DEPTHS = [48, 32, 30, 24, 16, 15, 8, 4, 1];
const BACK_AFTER_MS = 5000;

// The browserInfo that Adyen requires; see docs/payment-form.md.
const browser = {
  colorDepth: COLOR_DEPTHS.find((depth) => depth <= screen.colorDepth) ?? 24,
  javaEnabled: Boolean(navigator.javaEnabled?.()),
  javaScriptEnabled: true,
  language: navigator.language,
  screenHeight: screen.height,
  screenWidth: screen.width,
  timeZoneOffset: new Date().getTimezoneOffset(),
  userAgent: navigator.userAgent,
};
for (const field of document.querySelectorAll("[data-browser]")) {
  field.value = String(browser[field.dataset.browser] ?? "");
}

// A live region for screen readers, in addition to the page's own status.
const announcement = document.createElement("p");
announcement.className = "unseen";
announcement.setAttribute("aria-live", "polite");
document.querySelector("main").append(announcement);
const announce = (text) => {
  announcement.textContent = text;
};

// Ignore a second tap while the form is being sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  const button = form.querySelector("button");
  button.dataset.label = button.textContent;
  button.setAttribute("aria-disabled", "true");
  const spinner = document.createElement("span");
  spinner.className = "wheel";
  button.replaceChildren(spinner, form.dataset.busy);
  announce(form.dataset.busy);
});
// Let the form be sent again after the browser's back button.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-once]")) {
    delete form.dataset.sent;
    const button = form.querySelector("button");
    button.removeAttribute("aria-disabled");
    if (button.dataset.label) button.textContent = button.dataset.label;
  }
  announce("");
});

// Scroll to the chosen method, because the fixed button may cover a part of it.
document.addEventListener("change", (event) => {
  if (event.target.name !== "method") return;
  event.target.closest(".choice").scrollIntoView({ block: "nearest" });
});

// Hide a logo that does not load; the name is beside it.
for (const logo of document.querySelectorAll(".logo img, .shop-logo img")) {
  const hide = () => logo.parentElement.classList.add("gone");
  logo.addEventListener("error", hide);
  if (logo.complete && logo.naturalWidth === 0) hide();
}

// Go to the wallet by POST, as the button does.
document.querySelector("[data-send]")?.submit();

// Open the wallet's app, as the link does.
const app = document.querySelector("[data-open]");
if (app) location.assign(app.href);

// After the payment, return to the shop in a few seconds, unless the shopper prints.
let returning;
const returnToShop = () => {
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  const shop = document.querySelector("[data-shop]");
  if (!shop) return;
  document.querySelector("[data-back]").hidden = false;
  returning = setTimeout(() => location.assign(shop.href), BACK_AFTER_MS);
};
const cancelReturn = () => {
  clearTimeout(returning);
  for (const line of document.querySelectorAll("[data-back]")) line.hidden = true;
};
returnToShop();
addEventListener("beforeprint", cancelReturn);
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-print]")) return;
  cancelReturn();
  print();
});

// Update the status until it is final.
const statusCard = document.querySelector("[data-events]");
if (statusCard) {
  const events = new EventSource(statusCard.dataset.events);
  events.addEventListener("standing", (event) => {
    const update = JSON.parse(event.data);
    if (update.final) events.close();
    if (update.sign === statusCard.dataset.sign) return;
    statusCard.dataset.sign = update.sign;
    const hadFocus = statusCard.contains(document.activeElement);
    statusCard.innerHTML = update.html;
    if (hadFocus) statusCard.querySelector("a, button")?.focus();
    document.title = update.title;
    returnToShop();
  });
  addEventListener("pagehide", () => events.close());
}
