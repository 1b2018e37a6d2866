// The head of every page: search, links, and how much is in cart and inbox.

import { account, isLoggedIn, logOut } from "./account.js";
import { busy, h } from "./dom.js";
import { count } from "./format.js";
import { inbox, unreadEntries } from "./inbox.js";
import { cartPieces, leave, visit } from "./visit.js";

const links = document.getElementById("links");
const search = document.getElementById("search");

function link(href, text, number = 0, meaning = "") {
  const isHere = location.hash.split("?")[0] === href;
  return h("li", {},
    h("a", { href, "aria-current": isHere ? "page" : null }, text,
      number > 0 && h("span", { class: "badge", "aria-hidden": "true" }, number > 99 ? "99+" : String(number)),
      number > 0 && h("span", { class: "unseen" }, `, ${count(number, meaning, meaning)}`)));
}

async function goodbye(event) {
  await busy(event.target, async () => {
    await logOut();
    await leave();
  });
  location.hash = "#/";
}

/** Draw the links anew. */
export function draw() {
  const own = isLoggedIn()
    ? [
        link("#/orders", "Orders"),
        link("#/inbox", "Inbox", unreadEntries(), "unread"),
        h("li", {}, h("button", { class: "plain", id: "log-out", onclick: goodbye }, "Log out")),
      ]
    : [link("#/log-in", "Log in")];
  const focused = document.activeElement?.getAttribute("href");
  links.replaceChildren(link("#/cart", "Cart", cartPieces(), "in it"), ...own);
  if (focused) links.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function announceUnread() {
  const number = unreadEntries();
  document.getElementById("unread-news").textContent = number ? `Inbox: ${count(number, "unread message")}` : "";
  draw();
}

/** Start to keep the head up to date. */
export function keepHeader() {
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = new FormData(search).get("q").trim();
    location.hash = words ? `#/?${new URLSearchParams({ q: words })}` : "#/";
  });
  account.addEventListener("change", draw);
  visit.addEventListener("cart", draw);
  inbox.addEventListener("change", announceUnread);
  draw();
}

/** Show in the search field what was searched for. */
export function searchedFor(words) {
  search.elements.q.value = words;
}
