// Buying without an account: an address, the code that was mailed there; and the orders behind a receipt's link.

import { askForCode, showCode } from "../account.js";
import { call } from "../api.js";
import { busy, field, h, title } from "../dom.js";
import { alertOf, markFields, Problem } from "../problem.js";
import { enter } from "../visit.js";
import { listed } from "./listed.js";
import { order } from "./orders.js";

export async function guestPage() {
  const place = h("div", {});
  place.append(asking(place));
  return { title: "Buy as a guest", node: place };
}

/** The orders of whoever was mailed the link. Its token is nobody else's: no page view names it. */
export async function guestOrders(query, token) {
  const ask = async (cursor) => {
    const { access_token } = await call("/v1/guests/access", { method: "POST", body: { token }, asGuest: true });
    const headers = { Authorization: `Bearer ${access_token}` };
    return call(`/v1/orders?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { headers, asGuest: true });
  };
  const path = "/guest";
  try {
    const list = await listed(ask, order, "Nothing was ordered yet.");
    return { title: "Your orders", node: h("div", {}, title("Your orders"), list), path };
  } catch (error) {
    if (error.status !== 401) throw error;
    const text = "This link does not hold any more. A code that we mail to you shows your orders as well.";
    return { title: "Sorry", node: h("div", {}, title("Sorry"), h("p", {}, text), h("a", { href: "#/guest" }, "Get a code")), path };
  }
}

function asking(place) {
  const fields = [
    field("E-mail address", { name: "email", type: "email", autocomplete: "email", required: true, maxlength: "254" }, "Your receipt goes there"),
    field("Name", { name: "name", autocomplete: "name", maxlength: "200" }, "Optional"),
  ];
  return form("Buy as a guest", fields, "Send me a code", async (person) => {
    const { verification_id } = await askForCode(person);
    place.replaceChildren(showing(place, verification_id, person.email));
    place.querySelector("input").focus();
  });
}

function showing(place, verification, email) {
  const code = field("Code", { name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, pattern: "[0-9 ]{8,12}", maxlength: "12" }, `We mailed it to ${email}`);
  const again = h("button", { class: "plain", type: "button", onclick: () => place.replaceChildren(asking(place)) }, "Another address, or another code");
  return form("Your code", [code, again], "Go on", async (shown) => {
    await enter(() => showCode(verification, shown.code.replaceAll(" ", "")));
    if (place.isConnected) location.hash = "#/cart";
  });
}

function form(heading, fields, label, work) {
  const button = h("button", { class: "strong" }, label);
  const node = h("form", { class: "narrow" }, title(heading), fields, button);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    node.querySelector(".problem")?.remove();
    busy(button, async () => {
      try {
        await work(Object.fromEntries(new FormData(node)));
      } catch (error) {
        if (!(error instanceof Problem && markFields(node, error))) button.before(alertOf(error));
      }
    });
  });
  return node;
}
