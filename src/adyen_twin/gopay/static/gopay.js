// Comfort for the GoPay page; everything works without it.
"use strict";

const me = document.currentScript;
const ERASE = "erase";
// An SVG: a font may lack the glyph.
const ERASER =
  '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2">' +
  '<path d="M9 5h12v14H9l-6-7zM12 9l6 6m0-6-6 6"/></svg>';

// A number pad below the PIN field, as on a phone.
for (const form of document.querySelectorAll("[data-pin]")) {
  const pin = form.querySelector("input[name=pin]");
  const pad = form.querySelector(".pad");
  const press = (key) => {
    pin.value = key === ERASE ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 6);
    pin.focus({ preventScroll: true });
  };
  for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", ERASE]) {
    const button = document.createElement(key ? "button" : "span");
    if (key) {
      button.type = "button";
      if (key === ERASE) button.innerHTML = ERASER;
      else button.textContent = key;
      button.addEventListener("click", () => press(key));
    }
    if (key === ERASE) button.setAttribute("aria-label", form.dataset.erase);
    pad.append(button);
  }
  pad.hidden = false;
}

// The page with the QR code: once the phone has decided, it reloads.
if (me.dataset.status) {
  const look = async () => {
    try {
      const answer = await fetch(me.dataset.status, { cache: "no-store" });
      if (!answer.ok || (await answer.json()).status !== "awaiting") {
        location.reload();
        return;
      }
    } catch {
      // The twin may be restarting: try again.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

// Return by POST: submit the form that the button would submit.
for (const form of document.querySelectorAll("[data-send]")) form.submit();
