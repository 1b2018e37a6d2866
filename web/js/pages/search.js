// What was found for some words: the words marked, and what the results can be narrowed down to.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { NARROWING, narrowing } from "../facets.js";
import { count } from "../format.js";
import { alertOf } from "../problem.js";
import { card, marked } from "../products.js";
import { visitorHeaders } from "../visit.js";

const AT_ONCE = 24;

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
  for (const name of [...NARROWING, "rating_from"]) query.getAll(name).forEach((value) => all.append(name, value));
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
