// Makes the payment form quicker and livelier; everything works without it.
"use strict";

const COLOR_DEPTHS = [48, 32, 30, 24, 16, 15, 8, 4, 1];
const BACK_AFTER_MS = 5000;

// What Adyen wants to know of the browser; see docs/payment-form.md.
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

// What a screen reader is told of that nobody has moved to; beside the page's own status.
const told = document.createElement("p");
told.className = "unseen";
told.setAttribute("aria-live", "polite");
document.querySelector("main").append(told);
const say = (words) => {
  told.textContent = words;
};

// A second tap while the first is on its way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  const button = form.querySelector("button");
  button.dataset.says = button.textContent;
  button.setAttribute("aria-disabled", "true");
  const wheel = document.createElement("span");
  wheel.className = "wheel";
  button.replaceChildren(wheel, form.dataset.busy);
  say(form.dataset.busy);
});
// Back from the wallet by the browser's own button: the form can be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-once]")) {
    delete form.dataset.sent;
    const button = form.querySelector("button");
    button.removeAttribute("aria-disabled");
    if (button.dataset.says) button.textContent = button.dataset.says;
  }
  say("");
});

// What belongs to the way just chosen comes into view, above the button that floats there.
document.addEventListener("change", (event) => {
  if (event.target.name !== "method") return;
  event.target.closest(".choice").scrollIntoView({ block: "nearest" });
});

// A logo that does not come: its name stands beside it.
for (const logo of document.querySelectorAll(".logo img")) {
  const hide = () => logo.closest(".logo").classList.add("gone");
  logo.addEventListener("error", hide);
  if (logo.complete && logo.naturalWidth === 0) hide();
}

// To the wallet by POST, as the button would.
document.querySelector("[data-send]")?.submit();

// To the wallet's app, as the link would.
const app = document.querySelector("[data-open]");
if (app) location.assign(app.href);

// Paid: back to the shop by itself, after a moment to read; whoever prints stays.
let leaving;
const goBack = () => {
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  const shop = document.querySelector("[data-shop]");
  if (!shop) return;
  document.querySelector("[data-back]").hidden = false;
  leaving = setTimeout(() => location.assign(shop.href), BACK_AFTER_MS);
};
const stay = () => {
  clearTimeout(leaving);
  for (const line of document.querySelectorAll("[data-back]")) line.hidden = true;
};
goBack();
addEventListener("beforeprint", stay);
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-print]")) return;
  stay();
  print();
});

// Follow a payment to its final word.
const standing = document.querySelector("[data-events]");
if (standing) {
  const events = new EventSource(standing.dataset.events);
  events.addEventListener("standing", (event) => {
    const news = JSON.parse(event.data);
    if (news.final) events.close();
    if (news.sign === standing.dataset.sign) return;
    standing.dataset.sign = news.sign;
    const hadFocus = standing.contains(document.activeElement);
    standing.innerHTML = news.html;
    if (hadFocus) standing.querySelector("a, button")?.focus();
    document.title = news.title;
    goBack();
  });
  addEventListener("pagehide", () => events.close());
}
