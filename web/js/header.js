// The head of every page: search, links, and how much is in cart and inbox.

import { account, isLoggedIn, logOut } from "./account.js";
import { busy } from "./dom.js";
import { count } from "./format.js";
import { inbox, unreadEntries } from "./inbox.js";
import { notify } from "./notice.js";
import { suggest } from "./suggestions.js";
import { cartPieces, leave, visit } from "./visit.js";

const links = document.getElementById("links");
const search = document.getElementById("search");

/** Bring the head up to date. Its elements stay, so that none vanishes from under a finger. */
export function draw() {
  const path = location.hash.split("?")[0] || "#/";
  for (const link of links.querySelectorAll("a")) {
    if (link.hash === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const item of links.querySelectorAll("[data-for]")) {
    item.hidden = (item.dataset.for === "user") !== isLoggedIn();
  }
  tellNumber("#/cart", cartPieces(), "in it");
  tellNumber("#/inbox", unreadEntries(), "unread");
}

function tellNumber(href, number, meaning) {
  const [badge, spoken] = links.querySelectorAll(`a[href="${href}"] span`);
  badge.hidden = !number;
  badge.textContent = number > 99 ? "99+" : String(number);
  spoken.textContent = number ? `, ${number} ${meaning}` : "";
}

async function goodbye(event) {
  await busy(event.target, async () => {
    try {
      await leave();
      await logOut();
      location.hash = "#/";
    } catch {
      notify("The shop cannot be reached: you are still logged in.");
    }
  });
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
  suggest(search.elements.q);
  document.getElementById("log-out").addEventListener("click", goodbye);
  account.addEventListener("change", draw);
  visit.addEventListener("cart", draw);
  inbox.addEventListener("change", announceUnread);
  draw();
}

/** Show in the search field what was searched for. */
export function searchedFor(words) {
  search.elements.q.value = words;
}
