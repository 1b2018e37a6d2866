// A list that is asked for page by page.

import { busy, h } from "../dom.js";
import { alertOf } from "../problem.js";

/**
 * Return a list with its first page, and a button for the next one while there is one.
 *
 * @param {(cursor: string|null) => Promise<{items: Array, next_cursor: string|null}>} ask
 * @param {(item: Object) => Node} row
 */
export async function listed(ask, row, empty) {
  const list = h("ul", { class: "entries" });
  const more = h("button", { class: "more" }, "Show more");
  let cursor = null;
  const add = async () => {
    const page = await ask(cursor);
    list.append(...page.items.map(row));
    cursor = page.next_cursor;
    more.hidden = !cursor;
  };
  more.addEventListener("click", () => busy(more, () => add().catch((error) => more.before(alertOf(error)))));
  await add();
  return list.children.length ? h("div", {}, list, more) : h("p", {}, empty);
}
