// The cart: its lines, and below them what they cost and the way to buy them.

import { pause } from "../api.js";
import { checkout } from "../checkout.js";
import { h, title } from "../dom.js";
import { money } from "../format.js";
import { alertOf } from "../problem.js";
import { productLink, recommendations, tile } from "../products.js";
import { putInCart, showCart } from "../visit.js";

const STATES = { sold_out: "Sold out", gone: "No longer on sale", unknown: "One moment: its price is on the way",
  variant_needed: "Choose which one you want, and remove this line" };
const ASK_EVERY = 1_000; // milliseconds
const MOST_TRIES = 60;

export async function cart() {
  const place = h("div", {});
  show(place, await showCart());
  return { title: "Cart", node: place };
}

function show(place, found) {
  draw(place, found);
  if (found.lines.some((each) => each.state === "unknown")) askAgain(place, place.firstChild);
}

async function shownAgain(place) {
  show(place, await showCart());
  return place.querySelector(".checkout") ?? place;
}

/** A product that was put on sale a moment ago is not known to the cart yet. */
async function askAgain(place, drawn) {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    await pause(ASK_EVERY);
    const found = drawn.isConnected && (await showCart().catch(() => null));
    if (!drawn.isConnected) return;
    if (found?.lines.every((each) => each.state !== "unknown")) return draw(place, found);
  }
}

function draw(place, found) {
  if (!found.lines.length) {
    place.replaceChildren(title("Cart"), h("p", {}, "There is nothing in your cart. ", h("a", { href: "#/" }, "Look around")));
    return;
  }
  const titles = new Map(found.lines.slice(-20).map((each) => [each.product_id, each.title]));
  place.replaceChildren(title("Cart"),
    h("ul", { class: "lines" }, found.lines.map((each) => line(place, each))),
    checkout(found, () => shownAgain(place)),
    recommendations("cart", "People also buy", { titles }));
}

function line(place, each) {
  const { product_id: id, variant_id, quantity, title: name, unit_price, line_total, state } = each;
  const shownName = name ?? "A product";
  const change = (pieces) => alter(place, () => putInCart(each, pieces));
  const input = h("input", {
    id: `pieces-${variant_id ?? id}`, type: "number", min: "1", max: "99", value: String(quantity), inputmode: "numeric",
    onchange: (event) => event.target.reportValidity() && change(event.target.valueAsNumber),
  });
  return h("li", { class: "line" },
    tile(id, shownName),
    h("div", { class: "line-about" },
      h("a", { href: productLink(id) }, shownName),
      h("span", { class: "quiet" }, STATES[state] ?? (unit_price ? `${money(unit_price)} each` : ""))),
    h("label", { class: "unseen", for: `pieces-${variant_id ?? id}` }, `Pieces of ${shownName}`), input,
    h("span", { class: "price" }, line_total ? money(line_total) : ""),
    h("button", { class: "plain", "aria-label": `Remove ${shownName}`, onclick: () => change(0) }, "Remove"));
}

async function alter(place, change) {
  try {
    const at = document.activeElement?.id;
    show(place, await change());
    (document.getElementById(at) ?? place.querySelector("h1")).focus();
  } catch (error) {
    tell(place, error);
  }
}

function tell(place, error) {
  const below = place.querySelector(".checkout");
  below.querySelector(".problem")?.remove();
  below.append(alertOf(error));
}
