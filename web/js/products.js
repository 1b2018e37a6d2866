// Products as cards, and the row of recommended ones.

import { clicked, shown } from "./activity.js";
import { call } from "./api.js";
import { h } from "./dom.js";
import { money } from "./format.js";
import { recentProducts } from "./visit.js";

const PATIENCE = 4_000;
const TONES = 6;
const REASONS = {
  "bought-together": "Often bought together",
  "also-viewed": "Others looked at this too",
  "next-in-session": "Fits what you looked at",
  "buy-again": "Buy again",
  popular: "Popular now",
};

export function productLink(id) {
  return `#/products/${encodeURIComponent(id)}`;
}

/** Return a tile that stands for a product: its initial on a colour of its own. */
export function tile(id, title) {
  const tone = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7) % TONES;
  const initial = /[\p{L}\p{N}]/u.exec(title ?? "")?.[0] ?? "?";
  return h("span", { class: `tile tone-${tone}`, "aria-hidden": "true" }, initial.toUpperCase());
}

/** Return a card; `note` is what is said below its price. */
export function card({ id, title, price }, note = null, onclick = null) {
  return h("li", { class: "card" },
    h("a", { href: productLink(id), onclick },
      tile(id, title),
      h("span", { class: "card-title" }, title),
      h("span", { class: "price" }, money(price)),
      note && h("span", { class: "quiet" }, note)));
}

/** Return a section that appears once there is something to recommend, and else stays away. */
export function recommendations(placement, heading, { productId = null, recent = recentProducts() } = {}) {
  const list = h("ul", { class: "cards" });
  const section = h("section", { class: "recommended", hidden: true }, h("h2", {}, heading), list);
  fill(section, list, placement, productId, recent).catch(() => {}); // the shop goes on without them
  return section;
}

async function fill(section, list, placement, productId, recent) {
  const query = new URLSearchParams({ placement, limit: "4" });
  if (productId) query.set("product_id", productId);
  if (recent.length) query.set("recent", recent.slice(-20).join(","));
  const signal = AbortSignal.timeout(PATIENCE);
  const { items } = await call(`/v1/recommendations?${query}`, { signal, tries: 1 });
  if (!items.length || !section.isConnected) return;
  for (const item of items) {
    const onclick = () => clicked(placement, item.product_id);
    list.append(card({ ...item, id: item.product_id }, REASONS[item.because], onclick));
  }
  section.hidden = false;
  shown(placement, items.map((item) => item.product_id));
}
