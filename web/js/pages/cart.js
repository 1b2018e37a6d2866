// The cart, and buying what is in it.

import { isLoggedIn } from "../account.js";
import { call, pause } from "../api.js";
import { busy, h, title } from "../dom.js";
import { money } from "../format.js";
import { notify } from "../notice.js";
import { alertOf, Problem } from "../problem.js";
import { productLink, recommendations, tile } from "../products.js";
import { cartPieces, putInCart, showCart } from "../visit.js";

const CARDS = { pm_card_visa: "Test card", pm_card_declined: "Test card that is declined" };
const STUCK = new Set(["sold_out", "gone", "variant_needed"]);
const KEPT = "order-under-way";
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
    summary(place, found),
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

function summary(place, found) {
  const stuck = found.lines.some((each) => STUCK.has(each.state));
  return h("div", { class: "summary" },
    found.total && h("p", { class: "total" }, "Total ", h("strong", {}, money(found.total))),
    stuck && h("p", { class: "wrong" }, "Remove what cannot be bought to go on."),
    isLoggedIn() ? paying(place, found) : h("a", { class: "button strong", href: "#/log-in?to=cart" }, "Log in to buy"));
}

function paying(place, found) {
  const sellable = found.lines.every((each) => each.state === "on_sale") && found.total;
  const card = h("select", { id: "card" }, Object.entries(CARDS).map(([value, name]) => h("option", { value }, name)));
  const button = h("button", { class: "strong", id: "buy", disabled: !sellable }, "Buy now");
  button.addEventListener("click", () => buy(place, button, found, card.value));
  return [h("p", { class: "pay" }, h("label", { for: "card" }, "Pay with"), card), button];
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

function buy(place, button, found, payment_method) {
  place.querySelector(".problem")?.remove();
  return busy(button, async () => {
    const lines = found.lines.map(({ product_id, variant_id, quantity }) => ({ product_id, variant_id, quantity }));
    try {
      const order = await placed({ lines, payment_method, expected_total: found.total }, found.version);
      notify(order.status === "paid" ? "Thank you. Your order is paid." : "Thank you. Your payment is under way.");
      emptied(found.pieces);
      if (place.isConnected) location.hash = "#/orders";
    } catch (error) {
      if (error.slug === "price-changed" || error.slug === "out-of-stock") await showCart().then((now) => show(place, now), () => {});
      tell(place, error);
    }
  });
}

function tell(place, error) {
  place.querySelector(".problem")?.remove();
  (place.querySelector(".summary") ?? place.lastChild).after(alertOf(error));
}

/** Order; asking again for the same cart, also after the page was loaded anew, makes no second order. */
async function placed(body, version) {
  const attempt = JSON.stringify([version, body]);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  const key = kept.attempt === attempt ? kept.key : crypto.randomUUID();
  sessionStorage.setItem(KEPT, JSON.stringify({ attempt, key }));
  try {
    const order = await call("/v1/orders", { method: "POST", body, headers: { "Idempotency-Key": key } });
    sessionStorage.removeItem(KEPT);
    return order;
  } catch (error) {
    const isAnswered = error instanceof Problem && error.status >= 400 && error.status < 500;
    if (isAnswered) sessionStorage.removeItem(KEPT);
    throw error;
  }
}

/** What was bought leaves the cart a moment after the order. */
async function emptied(pieces) {
  for (let tries = 0; tries < 10 && cartPieces() === pieces; tries += 1) {
    await pause(1000);
    await showCart().catch(() => {});
  }
}
