// What is on sale: in some order, and narrowed down.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { NARROWING, narrowing } from "../facets.js";
import { count } from "../format.js";
import { alertOf } from "../problem.js";
import { card, recommendations } from "../products.js";
import { search } from "./search.js";

const AT_ONCE = 24;
const ORDERS = {
  popular: "Popular",
  trend: "Trending",
  newest: "Newest",
  price: "Price, low to high",
  "-price": "Price, high to low",
};

/** @param {URLSearchParams} query With words in `q` it is a search. */
export async function browse(query) {
  if (query.get("q")?.trim()) return search(query);
  const list = h("ul", { class: "cards" });
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { class: "more", hidden: true }, "Show more");
  const first = await add(list, query, null);
  const currency = query.get("currency") ?? first.items[0]?.price.currency;
  const facets = await counted(query, currency);
  let cursor = first.next_cursor;

  const tell = () => {
    status.textContent = said(query, list.children.length, cursor, facets?.total);
    more.hidden = !cursor;
  };
  more.addEventListener("click", () => busy(more, async () => {
    try {
      cursor = (await add(list, query, cursor)).next_cursor;
    } catch (error) {
      more.before(alertOf(error));
    }
    tell();
  }));
  tell();
  const isNarrowed = NARROWING.some((name) => query.has(name));
  return {
    title: "Products",
    node: h("div", {}, title("Products"), !isNarrowed && recommendations("home", "For you"),
      h("div", { class: "list-head" }, status, list.children.length > 1 && orders(query, currency)),
      h("div", { class: facets && "results" }, facets && narrowing(query, facets, currency),
        h("div", {}, list, more))),
  };
}

async function add(list, query, cursor) {
  const all = conditions(query);
  all.set("limit", String(AT_ONCE));
  all.set("sort", query.get("sort") ?? "popular");
  if (cursor) all.set("cursor", cursor);
  const page = await call(`/v1/products?${all}`);
  const last = list.children.length;
  list.append(...page.items.map((item) => card(item, item.available ? null : "Sold out")));
  if (cursor) list.children[last]?.querySelector("a").focus();
  return page;
}

/** Return what the list can be narrowed down to; null where that is not known now, or nothing is on sale. */
async function counted(query, currency) {
  const all = conditions(query);
  if (currency) all.set("currency", currency);
  try {
    const facets = await call(`/v1/products/facets?${all}`, { tries: 1 });
    return facets.categories.length || facets.total ? facets : null;
  } catch {
    return null;
  }
}

function conditions(query) {
  const all = new URLSearchParams();
  for (const name of NARROWING) query.getAll(name).forEach((value) => all.append(name, value));
  return all;
}

function said(query, shown, cursor, total) {
  if (!shown) return NARROWING.some((name) => query.has(name)) ? "Nothing is like that." : "Nothing is on sale yet.";
  if (!cursor) return count(shown, "product");
  return total > shown ? `${shown} of ${count(total, "product")}` : `${count(shown, "product")} so far`;
}

function orders(query, currency) {
  const asked = query.get("sort") ?? "popular";
  const select = h("select", { id: "order" }, Object.entries(ORDERS).map(([value, text]) =>
    h("option", { value, selected: value === asked }, text)));
  select.addEventListener("change", () => {
    const wanted = new URLSearchParams(query);
    wanted.set("sort", select.value);
    if (select.value.endsWith("price")) wanted.set("currency", currency);
    location.hash = `#/?${wanted}`;
  });
  return h("p", { class: "order" }, h("label", { for: "order" }, "Order"), " ", select);
}
