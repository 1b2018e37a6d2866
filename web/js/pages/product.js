// One product, and what goes with it.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { money } from "../format.js";
import { notify } from "../notice.js";
import { alertOf } from "../problem.js";
import { recommendations, tile } from "../products.js";
import { addToCart, remember } from "../visit.js";

export async function product(query, id) {
  const found = await call(`/v1/products/${encodeURIComponent(id)}`);
  remember(found.id, found.title);
  const node = h("div", {},
    h("article", { class: "product" },
      tile(found.id, found.title),
      h("div", { class: "about" },
        title(found.title),
        found.category && h("p", { class: "quiet" }, found.category),
        h("p", { class: "price" }, money(found.price)),
        found.description && h("p", { class: "description" }, found.description),
        found.available ? buying(found) : h("p", { class: "sold-out" }, "Sold out at the moment."))),
    recommendations("product", "Goes well with it", { productId: found.id }));
  return { title: found.title, node, productId: found.id };
}

function buying(found) {
  const quantity = h("input",
    { id: "quantity", type: "number", min: "1", max: "99", value: "1", required: true, inputmode: "numeric" });
  const button = h("button", { class: "strong" }, "Add to cart");
  const form = h("form", { class: "buying" }, h("label", { for: "quantity" }, "Pieces"), quantity, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector(".problem")?.remove();
    busy(button, async () => {
      try {
        await addToCart(found.id, quantity.valueAsNumber);
        notify("Added to your cart.", { href: "#/cart", text: "Go to the cart" });
      } catch (error) {
        form.append(alertOf(error));
      }
    });
  });
  return form;
}
