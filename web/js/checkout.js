// What the cart costs now, all told, and buying it for just that.

import { isLoggedIn } from "./account.js";
import { addressForm } from "./address.js";
import { call, pause } from "./api.js";
import { cardName, savedCards } from "./cards.js";
import { busy, h } from "./dom.js";
import { moment, money } from "./format.js";
import { notify } from "./notice.js";
import { alertOf, Problem } from "./problem.js";
import { cartPieces, showCart } from "./visit.js";

const CARDS = { pm_card_visa: "Test card", pm_card_declined: "Test card that is declined" };
const STUCK = new Set(["sold_out", "gone", "variant_needed"]);
const UNPAID = "order-unpaid";
const MOST_ROUNDS = 20;
const COUPON = /^[A-Z0-9_-]{3,40}$/;

let coupon = null; // outlives the drawing, as every change of the cart draws it anew

/**
 * Return what is below the lines of a cart: the price and the way to pay.
 *
 * @param {Object} found The cart, with lines.
 * @param {Function} again Shows the cart as it is by now.
 */
export function checkout(found, again) {
  const node = h("div", { class: "checkout" });
  let turn = 0;
  const unpaid = unpaidOf(found); // its pieces are kept, so that others, and this cart, may see them as sold out
  const stuck = !unpaid && found.lines.some((each) => STUCK.has(each.state));
  const sellable = !unpaid && found.total && found.lines.every((each) => each.state === "on_sale");
  const price = h("div", { class: "price-told" }, sellable ? null : priced({ total: unpaid?.basket.expected_total ?? found.total }));
  const buying = isLoggedIn() ? { ...paying(), delivery: addressForm(() => sellable && ask()) } : null;
  node.append(h("div", { class: "summary" },
    sellable && couponForm(ask),
    price,
    unpaid && h("p", { class: "kept" }, `Your order is kept until ${moment(unpaid.until)}. It is not paid yet.`),
    stuck && h("p", { class: "wrong" }, "Remove what cannot be bought to go on."),
    !unpaid && buying?.delivery.node,
    buying?.fields ?? [
      h("a", { class: "button strong", href: "#/log-in?to=cart" }, "Log in to buy"),
      h("a", { class: "button", href: "#/guest" }, "Buy as a guest"),
    ]));
  if (sellable) ask();
  if (unpaid && buying) {
    buying.button.disabled = false;
    buying.button.onclick = () => buy(node, buying, found, unpaid.basket, again);
  }
  return node;

  async function ask() {
    const mine = (turn += 1);
    if (buying) buying.button.disabled = true;
    node.querySelector(".problem")?.remove();
    try {
      const quote = await call("/v1/quotes", { method: "POST", body: goods(found, buying?.delivery.country()) });
      if (mine !== turn) return; // for another country, by now
      price.replaceChildren(...priced(quote));
      if (!buying) return;
      buying.button.disabled = false;
      buying.button.onclick = () => {
        const address = buying.delivery.address();
        if (address === null) return;
        const basket = { ...goods(found, buying.delivery.country()), address, expected_total: quote.total };
        buy(node, buying, found, basket, again);
      };
    } catch (error) {
      if (error.slug === "coupon-refused") {
        coupon = null;
        await ask();
        node.append(alertOf(error));
      } else {
        node.append(alertOf(error, ask));
      }
    }
  }
}

function priced({ adjustments = [], total }) {
  const parts = adjustments.map(({ title, amount, included }) =>
    h("p", { class: "quiet" }, included ? `Contains ${title}: ` : `${title}: `, money(amount)));
  return total ? [...parts, h("p", { class: "total" }, "Total ", h("strong", {}, money(total)))] : parts;
}

function couponForm(ask) {
  const input = h("input", { id: "coupon", name: "coupon", value: coupon ?? "", maxlength: "40", autocomplete: "off" });
  const onsubmit = (event) => {
    event.preventDefault();
    const code = input.value.trim().toUpperCase();
    input.setCustomValidity(!code || COUPON.test(code) ? "" : "A coupon has three or more letters and digits.");
    if (!input.reportValidity()) return;
    coupon = code || null;
    ask();
  };
  return h("form", { class: "pay", onsubmit, oninput: () => input.setCustomValidity("") },
    h("label", { for: "coupon" }, "Coupon"), input, h("button", {}, "Apply"));
}

function paying() {
  const card = h("select", { id: "card" }, Object.entries(CARDS).map(([value, name]) => h("option", { value }, name)));
  offerSaved(card);
  const button = h("button", { class: "strong", id: "buy", disabled: true }, "Buy now");
  return { card, button, fields: [h("p", { class: "pay" }, h("label", { for: "card" }, "Pay with"), card), button] };
}

/** Put the cards that the user has saved first; without an answer the others do. */
async function offerSaved(card) {
  const saved = await savedCards().catch(() => []);
  const isUntouched = card.selectedIndex === 0;
  card.prepend(...saved.map((each) => h("option", { value: each.id }, cardName(each))));
  if (isUntouched) card.selectedIndex = 0;
}

function goods({ lines }, country) {
  const wanted = lines.map(({ product_id, variant_id, quantity }) => ({ product_id, variant_id, quantity }));
  return { lines: wanted, coupon: coupon ?? undefined, country };
}

function buy(node, { card, button }, found, basket, again) {
  node.querySelector(".problem")?.remove();
  return busy(button, async () => {
    try {
      const order = await bought(basket, card.value, found);
      notify(order.status === "paid" ? "Thank you. Your order is paid." : "Thank you. Your payment is under way.");
      coupon = null;
      emptied(found.pieces);
      if (node.isConnected) location.hash = "#/orders";
    } catch (error) {
      const isOutdated = error.slug === "price-changed" || error.slug === "out-of-stock";
      const now = isOutdated ? await again().catch(() => node) : node;
      now.append(alertOf(error));
    }
  });
}

/** Return the order of just this cart that was declined and can still be paid, if any. */
function unpaidOf({ version }) {
  const kept = JSON.parse(sessionStorage.getItem(UNPAID) ?? "null");
  return kept?.version === version && Date.parse(kept.until) > Date.now() ? kept : null;
}

/** Order and pay. After a decline the same order is paid with another card; one of another cart is given up first. */
async function bought(basket, payment_method, cart) {
  const { version } = cart;
  const kept = JSON.parse(sessionStorage.getItem(UNPAID) ?? "null");
  const isSame = kept?.version === version && JSON.stringify(kept.basket) === JSON.stringify(basket);
  try {
    const paid = isSame ? await unlessOver(kept, "payment", { payment_method }) : null;
    if (kept && !isSame) await unlessOver(kept, "cancellation");
    const order = paid ?? await placed({ ...basket, payment_method }, cart);
    sessionStorage.removeItem(UNPAID);
    return order;
  } catch (error) {
    const { order_id: id, payable_until: until } = error.said ?? {};
    if (until) sessionStorage.setItem(UNPAID, JSON.stringify({ version, basket, id, until }));
    else if (error.slug === "payment-declined") sessionStorage.removeItem(UNPAID);
    throw error;
  }
}

/** Change an order; null if it has come to its end meanwhile, or is another customer's. */
async function unlessOver({ id }, what, body) {
  try {
    return await call(`/v1/orders/${id}/${what}`, { method: "PUT", body });
  } catch (error) {
    if (error.status === 404 || error.slug === "illegal-move") return null;
    throw error;
  }
}

/**
 * Order. The key says of which cart, as it was seen: in another tab, or after the page was loaded anew, it is the same
 * order. Only once that came to nothing there is a next one.
 */
async function placed(body, { id, version }) {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    try {
      const headers = { "Idempotency-Key": `cart-${id}-v${version}-${round}` };
      const order = await call("/v1/orders", { method: "POST", body, headers });
      if (order.status !== "cancelled") return order;
    } catch (error) {
      if (error.slug === "key-reused") await givenUp(error.said.order_id);
      else if (error.slug !== "payment-declined" || error.said.payable_until) throw error;
    }
  }
  throw new Problem(409, { type: "ordered-already" });
}

/** Give up what was ordered of this cart to be paid or sent in another way. @throws {Problem} It is paid, or about to be. */
async function givenUp(id) {
  try {
    await call(`/v1/orders/${id}/cancellation`, { method: "PUT" });
  } catch (error) {
    throw error.slug === "illegal-move" ? new Problem(409, { type: "ordered-already" }) : error;
  }
}

/** What was bought leaves the cart a moment after the order. */
async function emptied(pieces) {
  for (let tries = 0; tries < 10 && cartPieces() === pieces; tries += 1) {
    await pause(1000);
    await showCart().catch(() => {});
  }
}
