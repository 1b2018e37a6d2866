// What was found for some words: the words marked, and what the results can be narrowed down to.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { count, words } from "../format.js";
import { alertOf } from "../problem.js";
import { card, marked } from "../products.js";
import { visitorHeaders } from "../visit.js";

const AT_ONCE = 24;
const MOST_VALUES = 8;
const NARROWING = ["category_id", "attribute", "option", "in_stock"];

/** @param {URLSearchParams} query `q`: the words; what they are narrowed down by, as the shop's search takes it. */
export async function search(query) {
  const asked = query.get("q").trim().slice(0, 200);
  const list = h("ul", { class: "cards" });
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { class: "more", hidden: true }, "Show more");
  const first = await add(list, query, asked, null);
  let cursor = first.next_cursor;

  const tell = () => {
    status.textContent = said(first);
    more.hidden = !cursor;
  };
  more.addEventListener("click", () => busy(more, async () => {
    try {
      cursor = (await add(list, query, asked, cursor)).next_cursor;
    } catch (error) {
      more.before(alertOf(error));
    }
    tell();
  }));
  tell();
  return {
    title: `Search: ${asked}`,
    node: h("div", {}, title(`Found for “${asked}”`), status,
      h("div", { class: "results" }, narrowing(query, first.facets), h("div", {}, list, more))),
  };
}

async function add(list, query, asked, cursor) {
  const all = new URLSearchParams({ q: asked, limit: String(AT_ONCE) });
  for (const name of NARROWING) query.getAll(name).forEach((value) => all.append(name, value));
  if (cursor) all.set("cursor", cursor);
  const page = await call(`/v1/search?${all}`, { headers: visitorHeaders() });
  const last = list.children.length;
  list.append(...page.items.map((item) => result(page.search_id, item)));
  if (cursor) list.children[last]?.querySelector("a").focus();
  return page;
}

function result(searchId, item) {
  const chosen = () => {
    const body = { product_id: item.id };
    call(`/v1/search/${searchId}/clicks`, { method: "POST", body }).catch(() => {}); // the shop goes on without
  };
  const where = item.excerpt_parts.some((part) => part.matched) && item.excerpt_parts;
  return card(item, item.available ? where && marked(where) : "Sold out", chosen);
}

function said({ match, total }) {
  if (match === "none") return "Nothing found. Try other words, or fewer.";
  const found = count(total, "product");
  return match === "some" ? `Nothing has all of these words. ${found} that may be meant:` : found;
}

/** Return links to the same search with one condition more or less. */
function narrowing(query, facets) {
  const groups = [
    group("Availability", [choice(query, "in_stock", "true", "In stock", facets.in_stock)]),
    group("Category", facets.categories.slice(0, MOST_VALUES).map((each) =>
      choice(query, "category_id", each.value, each.label, each.count))),
    ...named(query, "option", facets.options),
    ...named(query, "attribute", facets.attributes),
  ];
  return h("nav", { class: "facets", "aria-label": "Narrow down" }, groups);
}

function named(query, kind, facets) {
  return Object.entries(facets).map(([name, values]) =>
    group(words(name), values.slice(0, MOST_VALUES).map((each) =>
      choice(query, kind, `${name}:${each.value}`, each.label, each.count))));
}

function group(heading, choices) {
  return choices.length > 0 && h("section", {}, h("h2", {}, heading), h("ul", {}, choices));
}

function choice(query, name, value, label, products) {
  const asked = new URLSearchParams(query);
  const isChosen = asked.getAll(name).includes(value);
  if (isChosen) asked.delete(name, value);
  else if (name === "category_id") asked.set(name, value);
  else asked.append(name, value);
  return h("li", {}, h("a", { href: `#/?${asked}`, "aria-current": isChosen && "true" },
    label, " ", h("span", { class: "quiet" }, String(products))));
}
