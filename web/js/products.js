// Products as cards, and the row of recommended ones.

import { clicked, shown } from "./activity.js";
import { call } from "./api.js";
import { h } from "./dom.js";
import { money } from "./format.js";
import { consented, recentProducts, recentTitle } from "./visit.js";

const PATIENCE = 4_000;
const TONES = 6;
const REASONS = {
  "bought-together": (other) => `Because it is often bought with ${other ?? "what you chose"}`,
  "also-viewed": (other) => `Because those who looked at ${other ?? "what you looked at"} looked at this too`,
  "next-in-session": () => "Because it fits what you looked at",
  "buy-again": () => "Because you bought it before",
  popular: () => "Because many like it now",
};

export function productLink(id) {
  return `#/products/${encodeURIComponent(id)}`;
}

/** Return a tile that stands for a product: its picture, or its initial on a colour of its own where there is none. */
export function tile(id, title, picture = null) {
  const tone = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7) % TONES;
  const initial = /[\p{L}\p{N}]/u.exec(title ?? "")?.[0] ?? "?";
  const image = picture?.startsWith("https:") && h("img", {
    src: picture, alt: "", loading: "lazy", referrerpolicy: "no-referrer", onerror: (event) => event.target.remove(),
  });
  return h("span", { class: `tile tone-${tone}`, "aria-hidden": "true" }, initial.toUpperCase(), image);
}

/** Return a text in which what was looked for is marked. @param {{text: string, matched: boolean}[]} parts */
export function marked(parts) {
  return parts.map(({ text, matched }) => (matched ? h("mark", {}, text) : text));
}

/** Return a card; `note` is what is said below its price. */
export function card({ id, title, title_parts, price, image_url }, note = null, onclick = null) {
  return h("li", { class: "card" },
    h("a", { href: productLink(id), onclick },
      tile(id, title, image_url),
      h("span", { class: "card-title" }, title_parts ? marked(title_parts) : title),
      h("span", { class: "price" }, money(price)),
      note && h("span", { class: "quiet" }, note)));
}

/**
 * Return a section that appears once there is something to recommend, and else stays away.
 *
 * @param {{productId?: string, titles?: Map<string, string>}} at The product at hand; the titles of those in view,
 *   by id, oldest first, else those that were looked at.
 */
export function recommendations(placement, heading, { productId = null, titles = null } = {}) {
  const list = h("ul", { class: "cards" });
  const section = h("section", { class: "recommended", hidden: true }, h("h2", {}, heading), list);
  fill(section, list, placement, productId, titles).catch(() => {}); // the shop goes on without them
  return section;
}

async function fill(section, list, placement, productId, titles) {
  const looked = consented().analytics ? recentProducts().filter((id) => id !== productId) : [];
  const recent = titles ? [...titles.keys()] : looked;
  const query = new URLSearchParams({ placement, limit: "4" });
  if (productId) query.set("product_id", productId);
  if (recent.length) query.set("recent", recent.slice(-20).join(","));
  const signal = AbortSignal.timeout(PATIENCE);
  const { items } = await call(`/v1/recommendations?${query}`, { signal, tries: 1 });
  if (!items.length || !section.isConnected) return;
  for (const item of items) {
    const onclick = () => clicked(placement, item.product_id);
    const other = titles?.get(item.of_product_id) ?? recentTitle(item.of_product_id);
    list.append(card({ ...item, id: item.product_id }, REASONS[item.because]?.(other), onclick));
  }
  section.hidden = false;
  shown(placement, items.map((item) => item.product_id));
}
