// Where an order goes, as it is typed at the checkout.

import { account, isLoggedIn } from "./account.js";
import { field, h } from "./dom.js";

const COUNTRIES = ["GB", "IE", "FR", "DE", "ES", "IT", "NL", "US", "CA", "AU"];
const NEEDED = ["name", "street", "city"];

let typed = {}; // outlives the drawing, as every change of the cart draws it anew

account.addEventListener("change", () => isLoggedIn() || (typed = {}));

/**
 * Return the fields of an address, which may stay empty.
 *
 * @param {Function} changed Called when another country is meant, which may change the price.
 * @returns {{node: Node, country: Function, address: Function}} `country` is undefined while there is no
 *   address; so is `address`, which is null where something is missing: the form says what.
 */
export function addressForm(changed) {
  const form = h("form", { class: "address-fields", onsubmit: (event) => event.preventDefault() },
    field("Name", { name: "name", autocomplete: "name", maxlength: "120" }),
    field("Street and house", { name: "street", autocomplete: "address-line1", maxlength: "120" }),
    field("Town", { name: "city", autocomplete: "address-level2", maxlength: "120" }),
    field("Postal code", { name: "postal_code", autocomplete: "postal-code", maxlength: "12", pattern: "[A-Za-z0-9][A-Za-z0-9 \\-]*" }),
    h("p", { class: "field" }, h("label", { for: "country" }, "Country"), countries()));
  for (const [name, value] of Object.entries(typed)) form.elements[name].value = value;
  const node = h("details", { class: "address", open: isTyped() }, h("summary", {}, "Deliver to an address"), form);
  form.addEventListener("input", () => {
    const before = country();
    typed = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    if (country() !== before) changed();
  });
  return { node, country, address: () => addressIn(node, form) };
}

function countries() {
  const names = new Intl.DisplayNames(undefined, { type: "region" });
  return h("select", { id: "country", name: "country", autocomplete: "country" },
    COUNTRIES.map((code) => h("option", { value: code }, names.of(code))));
}

const isTyped = () => Object.entries(typed).some(([name, value]) => name !== "country" && value);

const country = () => (isTyped() ? typed.country : undefined);

function addressIn(node, form) {
  if (!isTyped()) return undefined;
  node.open = true;
  for (const name of NEEDED) form.elements[name].required = true;
  if (!form.reportValidity()) return null;
  const { name, street, city, postal_code } = typed;
  return { name, lines: [street], city, postal_code: postal_code || undefined, country: typed.country };
}
