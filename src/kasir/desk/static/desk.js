// The desk works without this script. It switches the account at once, and on a phone it scrolls the
// menu to the section that is shown.
"use strict";

for (const select of document.querySelectorAll("select[name=account]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

const section = document.querySelector(".sections [aria-current]");
if (section) {
  const menu = section.closest(".sections");
  menu.scrollLeft = section.offsetLeft + section.offsetWidth / 2 - menu.clientWidth / 2;
}
