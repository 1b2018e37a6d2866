// The banner that asks what a visitor agrees to.

import { busy, h } from "./dom.js";
import { alertOf } from "./problem.js";
import { agree, consented, visit } from "./visit.js";

const banner = document.getElementById("consent");

function ask() {
  const marketing = h("input", { type: "checkbox", id: "marketing", checked: consented().marketing });
  const answer = (analytics) => (event) => busy(event.target, async () => {
    try {
      await agree(analytics, analytics && marketing.checked);
      banner.hidden = true;
    } catch (error) {
      banner.append(alertOf(error));
    }
  });
  banner.replaceChildren(
    h("p", {}, "May this shop note which pages you look at and for how long? It helps to recommend what fits."),
    h("p", {}, marketing, " ", h("label", { for: "marketing" }, "Also e-mail me suggestions now and then")),
    h("div", { class: "choices" },
      h("button", { onclick: answer(false) }, "No, thanks"),
      h("button", { class: "strong", onclick: answer(true) }, "Agree")));
  banner.hidden = false;
}

/** Ask those who have not said anything yet, and everybody who wants to be asked again. */
export function keepConsent() {
  visit.addEventListener("consent", () => {
    if (consented().decided_at) banner.hidden = true;
    else ask();
  });
  document.getElementById("privacy").addEventListener("click", () => {
    ask();
    banner.querySelector("button").focus();
  });
}
