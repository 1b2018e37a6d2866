// One product, and what goes with it.

import { call } from "../api.js";
import { busy, h, title } from "../dom.js";
import { money } from "../format.js";
import { notify } from "../notice.js";
import { alertOf } from "../problem.js";
import { recommendations, tile } from "../products.js";
import { reviews, stars } from "../reviews.js";
import { addToCart, remember } from "../visit.js";

export async function product(query, id) {
  const found = await call(`/v1/products/${encodeURIComponent(id)}`);
  remember(found.id, found.title);
  const node = h("div", {},
    h("article", { class: "product" },
      tile(found.id, found.title, found.image_url),
      h("div", { class: "about" },
        title(found.title),
        found.category && h("p", { class: "quiet" }, found.category),
        h("p", { class: "price" }, priced(found)),
        found.reviews && stars(found.reviews),
        found.description && h("p", { class: "description" }, found.description),
        found.available ? buying(found) : h("p", { class: "sold-out" }, "Sold out at the moment."))),
    reviews(found),
    recommendations("product", "Goes well with it", { productId: found.id }));
  return { title: found.title, node, productId: found.id };
}

/** Return the price; "from" the lowest where variants differ. */
function priced({ price, variants }) {
  const differ = variants.some((each) => each.prices[0].amount !== price.amount);
  return differ ? `from ${money(price)}` : money(price);
}

/** Return a choice of the variants, none for a product that comes in one form. */
function choice(found) {
  if (found.variants.length === 1) return null;
  const options = found.variants.map(({ id, options, prices, available }) =>
    h("option", { value: id, disabled: !available },
      `${Object.values(options).join(", ")}: ${available ? money(prices[0]) : "sold out"}`));
  return h("select", { id: "variant", required: true }, h("option", { value: "" }, "Choose"), options);
}

function buying(found) {
  const quantity = h("input",
    { id: "quantity", type: "number", min: "1", max: "99", value: "1", required: true, inputmode: "numeric" });
  const button = h("button", { class: "strong" }, "Add to cart");
  const variant = choice(found);
  const label = variant && h("label", { for: "variant" }, Object.keys(found.variants[0].options).join(", "));
  const form = h("form", { class: "buying" }, label, variant,
    h("label", { for: "quantity" }, "Pieces"), quantity, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector(".problem")?.remove();
    busy(button, async () => {
      try {
        await addToCart(found.id, quantity.valueAsNumber, variant?.value);
        notify("Added to your cart.", { href: "#/cart", text: "Go to the cart" });
      } catch (error) {
        form.append(alertOf(error));
      }
    });
  });
  return form;
}
