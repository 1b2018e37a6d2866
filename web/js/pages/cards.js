// The user's saved cards.

import { cardName, removeCard, savedCards, saveTestCard } from "../cards.js";
import { busy, h, title } from "../dom.js";
import { alertOf } from "../problem.js";

export async function cardsPage() {
  const list = h("div", {});
  const add = h("button", { class: "strong" }, "Save a test card");
  const node = h("div", {}, title("Saved cards"), list, add);
  const change = (button, work) => busy(button, async () => {
    node.querySelector(".problem")?.remove();
    try {
      await work();
      await show();
    } catch (error) {
      add.before(alertOf(error));
    }
  });
  add.addEventListener("click", () => change(add, saveTestCard));
  await show();
  return { title: "Saved cards", node };

  async function show() {
    const cards = await savedCards();
    list.replaceChildren(cards.length
      ? h("ul", { class: "entries" }, cards.map(row))
      : h("p", {}, "You have not saved any card."));
  }

  function row(card) {
    const name = cardName(card);
    const remove = h("button", { class: "plain", "aria-label": `Remove ${name}` }, "Remove");
    remove.addEventListener("click", () => change(remove, () => removeCard(card.id)));
    return h("li", { class: "entry", id: card.id }, h("div", { class: "entry-head" }, h("h2", {}, name), remove));
  }
}
