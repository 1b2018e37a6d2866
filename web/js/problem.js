// What went wrong, as the services tell it (RFC 9457), and how it is shown.

import { h } from "./dom.js";

const IN_OTHER_WORDS = {
  "out-of-stock": "Some of it is sold out by now. Please change your cart.",
  "price-changed": "A price has changed. Please look at the total again before you buy.",
  "coupon-refused": "This coupon does not hold for what is in your cart.",
  "payment-declined": "The card was declined. Nothing was bought yet: choose another way to pay.",
  "ordered-already": "You have ordered this cart already, perhaps in another tab. Please look at your orders.",
  "not-bought": "Only who has bought it can review it.",
  "wrong-credentials": "E-mail address or password is wrong.",
  "address-taken": "There is an account with this e-mail address already. Log in instead.",
};

/** An answer that is an error; `status` is 0 where there was no answer. */
export class Problem extends Error {
  /** @param {Object} said Members of the problem document. */
  constructor(status, said = {}) {
    super(said.detail || said.title || (status ? `The shop answered ${status}.` : "The shop cannot be reached."));
    this.status = status;
    this.slug = String(said.type ?? "").split(":").pop();
    this.said = said;
    this.errors = Array.isArray(said.errors) ? said.errors : [];
  }

  /** Return the problem in an answer that is not `ok`. */
  static async in(answer) {
    const isProblem = (answer.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
    return new Problem(answer.status, isProblem ? await answer.json().catch(() => ({})) : {});
  }

  /** What to tell people. */
  get text() {
    return IN_OTHER_WORDS[this.slug] ?? this.message;
  }
}

/** Return an alert that says what went wrong. */
export function alertOf(error, again = null) {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  return h("div", { class: "problem", role: "alert" },
    h("p", {}, known ? error.text : "Something went wrong on this page."),
    again && h("button", { onclick: again }, "Try again"));
}

/** Show what a form's fields have wrong beside them; return whether all of it could be shown there. */
export function markFields(form, error) {
  for (const input of form.elements) input.removeAttribute("aria-invalid");
  for (const note of form.querySelectorAll(".wrong")) note.textContent = "";
  const marked = error.errors.map(({ pointer, message }) => {
    const input = form.elements.namedItem(String(pointer ?? "").split("/").pop());
    if (!input) return false;
    input.setAttribute("aria-invalid", "true");
    form.querySelector(`#${input.id}-error`).textContent = message;
    return true;
  });
  form.querySelector("[aria-invalid]")?.focus();
  return marked.length > 0 && marked.every(Boolean);
}
