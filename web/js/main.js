// The shop's pages by their addresses. Addresses live after the `#`, so that any of them can be loaded.

import { account, isLoggedIn, restore } from "./account.js";
import { opened, watch } from "./activity.js";
import { pause } from "./api.js";
import { keepConsent } from "./consent.js";
import { h, title } from "./dom.js";
import { draw, keepHeader, searchedFor } from "./header.js";
import { browse } from "./pages/browse.js";
import { cardsPage } from "./pages/cards.js";
import { cart } from "./pages/cart.js";
import { guestOrders, guestPage } from "./pages/guest.js";
import { inboxPage } from "./pages/inbox.js";
import { loginPage, registerPage } from "./pages/login.js";
import { orders } from "./pages/orders.js";
import { product } from "./pages/product.js";
import { alertOf } from "./problem.js";
import { arrive } from "./visit.js";

/** Each page is `(query, ...parts) => {title, node, productId?, path?}`; `own` pages are for those who are logged in. */
const PAGES = [
  { path: /^\/$/, show: browse },
  { path: /^\/products\/([^/]+)$/, show: product },
  { path: /^\/cart$/, show: cart },
  { path: /^\/log-in$/, show: loginPage },
  { path: /^\/register$/, show: registerPage },
  { path: /^\/guest$/, show: guestPage },
  { path: /^\/guest\/([\w-]+)$/, show: guestOrders },
  { path: /^\/orders$/, show: orders, own: true },
  { path: /^\/cards$/, show: cardsPage, own: true },
  { path: /^\/inbox$/, show: inboxPage, own: true },
];
const SLOW = 300; // milliseconds after which a wait is shown
const PATIENCE = 2_000; // milliseconds; pages can be read without login and session

const main = document.getElementById("main");
const restored = restore();
let turn = 0;

async function go() {
  const mine = (turn += 1);
  const [path, search = ""] = (location.hash.slice(1) || "/").split("?");
  const page = PAGES.find((each) => each.path.test(path));
  if (page?.own) await restored;
  if (page?.own && !isLoggedIn()) return location.replace(`#/log-in?to=${path.slice(1)}`);
  const waiting = setTimeout(() => mine === turn && main.replaceChildren(h("p", { class: "quiet" }, "Loading…")), SLOW);
  const found = await shown(page, path, new URLSearchParams(search));
  clearTimeout(waiting);
  if (mine === turn) put(found, path, search);
}

async function shown(page, path, query) {
  if (!page) return { title: "Not found", node: missing() };
  try {
    const parts = page.path.exec(path).slice(1).map(decodeURIComponent);
    return await page.show(query, ...parts);
  } catch (error) {
    return error.status === 404
      ? { title: "Not found", node: missing() }
      : { title: "Sorry", node: h("div", {}, title("Sorry"), alertOf(error, go)) };
  }
}

function put(found, path, search) {
  const isFirst = turn === 1;
  main.replaceChildren(found.node);
  document.title = `${found.title} · Shopstream`;
  searchedFor(new URLSearchParams(search).get("q") ?? "");
  draw();
  opened(found.path ?? path, found.productId); // what is in an address may be secret
  if (isFirst) return;
  scrollTo(0, 0);
  (main.querySelector("h1") ?? main).focus({ preventScroll: true });
}

function missing() {
  return h("div", {}, title("Not found"), h("p", {}, "There is nothing at this address. ", h("a", { href: "#/" }, "To all products")));
}

keepHeader();
keepConsent();
watch();
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part after the # is the page's address
  main.focus();
});
await Promise.race([restored.then(arrive).catch(() => {}), pause(PATIENCE)]);
addEventListener("hashchange", go);
account.addEventListener("change", () => isLoggedIn() || go()); // nothing of the user stays on screen
await go();
