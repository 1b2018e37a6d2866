// Logging in and registering.

import { logIn, register } from "../account.js";
import { busy, field, h, title } from "../dom.js";
import { alertOf, markFields, Problem } from "../problem.js";
import { enter } from "../visit.js";

const BACK_TO = { cart: "#/cart", orders: "#/orders", inbox: "#/inbox" };

const email = () => field("E-mail address", { name: "email", type: "email", autocomplete: "username", required: true, maxlength: "254" });

export async function loginPage(query) {
  const fields = [
    email(),
    field("Password", { name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: "128" }),
  ];
  const other = h("p", {}, "New here? ", h("a", { href: `#/register?${query}` }, "Make an account"));
  const work = ({ email, password }) => logIn(email, password);
  return { title: "Log in", node: page("Log in", fields, other, query, work) };
}

export async function registerPage(query) {
  const fields = [
    field("Name", { name: "name", autocomplete: "name", maxlength: "200" }, "Optional"),
    email(),
    field("Phone", { name: "phone", type: "tel", autocomplete: "tel", maxlength: "32" }, "Optional, with country code: a text message tells you of each order"),
    field("Password", { name: "password", type: "password", autocomplete: "new-password", required: true, minlength: "10", maxlength: "128" }, "At least 10 characters"),
  ];
  const other = h("p", {}, "Have an account? ", h("a", { href: `#/log-in?${query}` }, "Log in"));
  const work = (person) => register({ ...person, phone: person.phone || null });
  return { title: "Make an account", node: page("Make an account", fields, other, query, work) };
}

function page(heading, fields, other, query, work) {
  const button = h("button", { class: "strong" }, heading);
  const form = h("form", { class: "narrow" }, title(heading), fields, button, other);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector(".problem")?.remove();
    busy(button, async () => {
      try {
        await enter(() => work(Object.fromEntries(new FormData(form))));
        if (form.isConnected) location.hash = BACK_TO[query.get("to")] ?? "#/";
      } catch (error) {
        if (!(error instanceof Problem && markFields(form, error))) button.before(alertOf(error));
      }
    });
  });
  return form;
}
