// The user's orders, newest first.

import { call } from "../api.js";
import { h, title } from "../dom.js";
import { count, moment, money, words } from "../format.js";
import { productLink } from "../products.js";
import { parcels, returned, returnForm } from "../returns.js";
import { listed } from "./listed.js";

export async function orders() {
  const ask = (cursor) => call(`/v1/orders?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  const list = await listed(ask, ownOrder, "You have not ordered anything yet.");
  return { title: "Orders", node: h("div", {}, title("Orders"), h("p", {}, h("a", { href: "#/cards" }, "Saved cards")), list) };
}

/** Return how an order is shown to its customer, who may ask for a return. */
function ownOrder(found) {
  const node = order(found);
  const form = returnForm(found, (now) => node.replaceWith(ownOrder(now)));
  if (form) node.append(form);
  return node;
}

/** Return how an order is shown in a list. */
export function order(found) {
  const { id, status, placed_at, total, lines } = found;
  const pieces = lines.reduce((sum, line) => sum + line.quantity, 0);
  return h("li", { class: "entry", id },
    h("div", { class: "entry-head" },
      h("h2", {}, moment(placed_at)),
      h("span", { class: `status ${status}` }, words(status)),
      h("span", { class: "price" }, money(total))),
    h("p", { class: "quiet" }, count(pieces, "piece")),
    h("ul", {}, lines.map((line) =>
      h("li", {}, `${line.quantity} × `, h("a", { href: productLink(line.product_id) }, line.title ?? "A product")))),
    parcels(found),
    returned(found));
}
