// The PIN pad and the automatic reload of the GoPay page, which also works without them.
"use strict";

const thisScript = document.currentScript;
const ERASE = "erase";
// An SVG, because a font may lack the glyph.
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

// Reload the page with the QR code after the decision on the phone.
if (thisScript.dataset.status) {
  const checkStatus = async () => {
    try {
      const answer = await fetch(thisScript.dataset.status, { cache: "no-store" });
      if (!answer.ok || (await answer.json()).status !== "awaiting") {
        location.reload();
        return;
      }
    } catch {
      // The twin may be restarting, so try again.
    }
    setTimeout(checkStatus, 1000);
  };
  setTimeout(checkStatus, 1000);
}

// Return by POST: submit the form without a click on its button.
for (const form of document.querySelectorAll("[data-send]")) form.submit();
