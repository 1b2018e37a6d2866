// The user's orders, newest first.

import { call } from "../api.js";
import { h, title } from "../dom.js";
import { count, moment, money, words } from "../format.js";
import { productLink } from "../products.js";
import { listed } from "./listed.js";

export async function orders() {
  const ask = (cursor) => call(`/v1/orders?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  const list = await listed(ask, order, "You have not ordered anything yet.");
  return { title: "Orders", node: h("div", {}, title("Orders"), list) };
}

/** Return how an order is shown in a list. */
export function order({ id, status, placed_at, total, lines }) {
  const pieces = lines.reduce((sum, line) => sum + line.quantity, 0);
  return h("li", { class: "entry", id },
    h("div", { class: "entry-head" },
      h("h2", {}, moment(placed_at)),
      h("span", { class: `status ${status}` }, words(status)),
      h("span", { class: "price" }, money(total))),
    h("p", { class: "quiet" }, count(pieces, "piece")),
    h("ul", {}, lines.map((line) =>
      h("li", {}, `${line.quantity} × `, h("a", { href: productLink(line.product_id) }, line.title ?? "A product")))));
}
