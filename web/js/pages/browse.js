// All products, or those that match some words.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { count } from "../format.js";
import { alertOf } from "../problem.js";
import { card, recommendations } from "../products.js";

const AT_ONCE = 24;

/** @param {URLSearchParams} query `q`: the words to search for. */
export async function browse(query) {
  const words = query.get("q")?.trim().slice(0, 200) ?? "";
  const list = h("ul", { class: "cards" });
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { class: "more", hidden: true }, "Show more");
  let cursor = await add(list, words, null);

  const tell = () => {
    const found = list.children.length;
    status.textContent = found ? `${count(found, "product")}${cursor ? " so far" : ""}` : nothing(words);
    more.hidden = !cursor;
  };
  more.addEventListener("click", () => busy(more, async () => {
    try {
      cursor = await add(list, words, cursor);
    } catch (error) {
      more.before(alertOf(error));
    }
    tell();
  }));
  tell();
  return {
    title: words ? `Search: ${words}` : "Products",
    node: h("div", {}, title(words ? `Found for “${words}”` : "Products"),
      words ? null : recommendations("home", "For you"), status, list, more),
  };
}

async function add(list, words, cursor) {
  const query = new URLSearchParams({ limit: String(AT_ONCE) });
  if (words) query.set("q", words);
  if (cursor) query.set("cursor", cursor);
  const page = await call(`/v1/products?${query}`);
  const last = list.children.length;
  list.append(...page.items.map((item) => card(item, item.available ? null : "Sold out")));
  if (cursor) list.children[last]?.querySelector("a").focus();
  return page.next_cursor;
}

function nothing(words) {
  return words ? "Nothing found. Try other words." : "Nothing is on sale yet.";
}
