// All products.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { count } from "../format.js";
import { alertOf } from "../problem.js";
import { card, recommendations } from "../products.js";
import { search } from "./search.js";

const AT_ONCE = 24;

/** @param {URLSearchParams} query With words in `q` it is a search. */
export async function browse(query) {
  if (query.get("q")?.trim()) return search(query);
  const list = h("ul", { class: "cards" });
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { class: "more", hidden: true }, "Show more");
  let cursor = await add(list, null);

  const tell = () => {
    const found = list.children.length;
    status.textContent = found ? `${count(found, "product")}${cursor ? " so far" : ""}` : "Nothing is on sale yet.";
    more.hidden = !cursor;
  };
  more.addEventListener("click", () => busy(more, async () => {
    try {
      cursor = await add(list, cursor);
    } catch (error) {
      more.before(alertOf(error));
    }
    tell();
  }));
  tell();
  return {
    title: "Products",
    node: h("div", {}, title("Products"), recommendations("home", "For you"), status, list, more),
  };
}

async function add(list, cursor) {
  const query = new URLSearchParams({ limit: String(AT_ONCE) });
  if (cursor) query.set("cursor", cursor);
  const page = await call(`/v1/products?${query}`);
  const last = list.children.length;
  list.append(...page.items.map((item) => card(item, item.available ? null : "Sold out")));
  if (cursor) list.children[last]?.querySelector("a").focus();
  return page.next_cursor;
}
