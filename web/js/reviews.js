// What buyers say of a product: stars, their reviews, and a form for one's own.

import { isLoggedIn } from "./account.js";
import { answerTo, call } from "./api.js";
import { busy, h } from "./dom.js";
import { count, moment } from "./format.js";
import { notify } from "./notice.js";
import { listed } from "./pages/listed.js";
import { alertOf, Problem } from "./problem.js";

const MOST_STARS = 5;
const BECAME = {
  pending: "Your review waits for somebody of the shop to look at it.",
  published: "Your review is shown to everybody.",
};

/** Return a mean rating as stars; null where nobody has said anything. */
export function stars({ count: reviews, mean }) {
  if (!reviews) return null;
  return h("p", { class: "rating" }, starry(mean), ` ${mean} of ${MOST_STARS}, ${count(reviews, "review")}`);
}

/** Return the section of a product's reviews. The product is there without them. */
export function reviews(product) {
  const others = h("div", {}), own = h("div", {});
  const section = h("section", { class: "reviews" }, h("h2", {}, "What buyers say"), others, own);
  const ask = (cursor) => call(`${at(product.id)}?sort=helpful&limit=5${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  listed(ask, review, "Nobody has said anything yet.").then((list) => others.append(list), () => (section.hidden = true));
  if (isLoggedIn()) writing(product.id).then((form) => own.append(form), () => {});
  return section;
}

const at = (id) => `/v1/products/${encodeURIComponent(id)}/reviews`;

function starry(number) {
  const full = Math.round(number);
  return h("span", { class: "stars", "aria-hidden": "true" }, "★".repeat(full) + "☆".repeat(MOST_STARS - full));
}

function review({ id, rating, recommends, title, text, helpful, written_at }) {
  const votes = h("span", { class: "quiet" }, helpful ? `${helpful} found this helpful` : "");
  return h("li", { class: "entry" },
    h("div", { class: "entry-head" }, h("h3", {}, title), starry(rating), h("span", { class: "quiet" }, `${rating} of ${MOST_STARS}`)),
    text && h("p", { class: "description" }, text),
    h("p", { class: "quiet" }, `A buyer, ${moment(written_at)}${recommends ? ", recommends it" : ""}`),
    h("p", {}, isLoggedIn() && voting(id, votes), votes));
}

function voting(id, votes) {
  const button = h("button", { class: "plain", type: "button" }, "Helpful");
  button.addEventListener("click", () => busy(button, async () => {
    try {
      const { helpful } = await call(`/v1/reviews/${encodeURIComponent(id)}/helpful`, { method: "PUT" });
      votes.textContent = `${helpful} found this helpful`;
    } catch (error) {
      button.after(alertOf(error));
    }
  }));
  return button;
}

/** Return the form with what the user said before, if anything. @throws {Problem} */
async function writing(productId) {
  const answer = await answerTo(`${at(productId)}/mine`);
  if (!answer.ok && answer.status !== 404) throw await Problem.in(answer);
  const before = answer.ok ? { ...(await answer.json()), tag: answer.headers.get("ETag") } : null;
  const form = formOf(before);
  const button = form.querySelector("button");
  const key = crypto.randomUUID();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector(".problem")?.remove();
    busy(button, async () => {
      try {
        await send(productId, before, said(form), key);
        form.replaceWith(await writing(productId));
        notify("Thank you. Your review is shown once somebody has looked at it.");
      } catch (error) {
        form.append(alertOf(error));
      }
    });
  });
  return form;
}

function formOf(before) {
  const choices = Array.from({ length: MOST_STARS }, (_, place) => MOST_STARS - place).map((number) =>
    h("option", { value: String(number), selected: before?.rating === number }, count(number, "star")));
  const text = h("textarea", { id: "review-text", name: "text", maxlength: "5000", rows: "4" }, before?.text ?? "");
  return h("form", { class: "reviewing" },
    h("h3", {}, before ? "Your review" : "Have you bought it? Say what it is like"),
    before && h("p", { class: "quiet" }, before.reason ? `Your review is not shown: ${before.reason}` : BECAME[before.status]),
    h("p", {}, h("label", { for: "review-rating" }, "Rating "), h("select", { id: "review-rating", name: "rating" }, choices)),
    h("p", {}, h("label", { for: "review-title" }, "In short"),
      h("input", { id: "review-title", name: "title", maxlength: "120", required: true, value: before?.title ?? "" })),
    h("p", {}, h("label", { for: "review-text" }, "In more words"), text),
    h("p", {}, h("label", {}, h("input", { type: "checkbox", name: "recommends", checked: before?.recommends ?? true }), " I recommend it")),
    h("button", { class: "strong" }, before ? "Change the review" : "Send the review"));
}

function said({ elements }) {
  return {
    rating: Number(elements.rating.value),
    recommends: elements.recommends.checked,
    title: elements.namedItem("title").value,
    text: elements.text.value,
  };
}

function send(productId, before, body, key) {
  if (!before) return call(at(productId), { method: "POST", body, headers: { "Idempotency-Key": key } });
  const path = `/v1/reviews/${encodeURIComponent(before.id)}`;
  return call(path, { method: "PUT", body, headers: { "If-Match": before.tag } });
}
