// What lists and searches can be narrowed down to: links to the same page with one condition more or less.

import { h } from "./dom.js";
import { money, words } from "./format.js";

/** Conditions as addresses and the shop's own routes have them. */
export const NARROWING = ["category_id", "attribute", "option", "in_stock", "currency", "price_from", "price_to"];

const MOST_VALUES = 8;
const WIDE = matchMedia("(min-width: 52rem)");

/**
 * Return the facets; where there is little room they are folded.
 *
 * @param {URLSearchParams} query The page's own.
 * @param {Object} facets As `GET /v1/products/facets` or `GET /v1/search` has them.
 * @param {string|null} currency Of the prices, where the facets have steps of these.
 */
export function narrowing(query, facets, currency = null) {
  const groups = [
    group("Availability", [toggled(query, { in_stock: "true" }, "In stock", facets.in_stock)]),
    group("Category", facets.categories.slice(0, MOST_VALUES).map((each) =>
      toggled(query, { category_id: each.value ?? each.id }, each.label ?? each.name, each.count))),
    currency && group("Price", (facets.prices ?? []).map((each) =>
      toggled(query, range(each, currency), steps(each, currency), each.count))),
    group("Rating", (facets.ratings ?? []).map((each) =>
      toggled(query, { rating_from: String(each.at_least) }, `${each.at_least} and up`, each.count))),
    ...named(query, "option", facets.options),
    ...named(query, "attribute", facets.attributes),
  ];
  const node = h("details", { class: "facets", open: WIDE.matches },
    h("summary", {}, "Narrow down"),
    h("nav", { "aria-label": "Narrow down" }, groups));
  WIDE.addEventListener("change", () => { if (WIDE.matches) node.open = true; });
  return node;
}

function range({ at_least: from, at_most: to }, currency) {
  return { currency, price_from: String(from), price_to: to === null ? null : String(to) };
}

function steps({ at_least: from, at_most: to }, currency) {
  const amount = (value) => money({ amount: value, currency });
  return to === null ? `${amount(from)} and more` : `${amount(from)} to ${amount(to)}`;
}

function named(query, kind, facets) {
  return Object.entries(facets).map(([name, values]) =>
    group(words(name), values.slice(0, MOST_VALUES).map((each) =>
      added(query, kind, `${name}:${each.value}`, each.label ?? each.value, each.count))));
}

function group(heading, choices) {
  return choices.length > 0 && h("section", {}, h("h2", {}, heading), h("ul", {}, choices));
}

/** Return a link that says something else of what can be said once, or nothing where that is said already. */
function toggled(query, said, label, products) {
  const asked = new URLSearchParams(query);
  const isChosen = Object.entries(said).every(([name, value]) => asked.get(name) === value);
  for (const [name, value] of Object.entries(said)) {
    if (isChosen && name === "currency" && query.get("sort")?.endsWith("price")) continue;
    if (isChosen || value === null) asked.delete(name);
    else asked.set(name, value);
  }
  return choice(asked, isChosen, label, products);
}

/** Return a link that says one value more of what can be said several times, or one less. */
function added(query, name, value, label, products) {
  const asked = new URLSearchParams(query);
  const isChosen = asked.getAll(name).includes(value);
  if (isChosen) asked.delete(name, value);
  else asked.append(name, value);
  return choice(asked, isChosen, label, products);
}

function choice(asked, isChosen, label, products) {
  return h("li", {}, h("a", { href: `#/?${asked}`, "aria-current": isChosen && "true" },
    label, " ", h("span", { class: "quiet" }, String(products))));
}
