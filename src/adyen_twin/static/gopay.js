// Makes the GoPay page nicer; everything works without it.
"use strict";

const me = document.currentScript;

// A number pad under the PIN, as on a phone.
for (const form of document.querySelectorAll("[data-pin]")) {
  const pin = form.querySelector("input[name=pin]");
  const pad = form.querySelector(".pad");
  const press = (key) => {
    pin.value = key === "⌫" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 6);
    pin.focus({ preventScroll: true });
  };
  for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "⌫"]) {
    const button = document.createElement(key ? "button" : "span");
    if (key) {
      button.type = "button";
      button.textContent = key;
      button.addEventListener("click", () => press(key));
    }
    if (key === "⌫") button.setAttribute("aria-label", form.dataset.erase);
    pad.append(button);
  }
  pad.hidden = false;
}

// Beside a phone: once the phone has decided, this page moves on.
if (me.dataset.status) {
  const look = async () => {
    try {
      const answer = await fetch(me.dataset.status, { cache: "no-store" });
      if (!answer.ok || (await answer.json()).status !== "awaiting") {
        location.reload();
        return;
      }
    } catch {
      // The twin may be restarting; look again.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

// Going back by POST: send the form that the button would send.
for (const form of document.querySelectorAll("[data-send]")) form.submit();
