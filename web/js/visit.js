// The visitor's session: cart, consent, what was viewed. The browser keeps the session string in a cookie.

import { isLoggedIn } from "./account.js";
import { call } from "./api.js";
import { Problem } from "./problem.js";

const MOST_RECENT = 20;

/** Fires `cart` and `consent` when they change. */
export const visit = new EventTarget();

let pieces = 0;
let consent = { analytics: false, marketing: false, decided_at: null };
let recent = []; // product ids, oldest first

export const cartPieces = () => pieces;
export const consented = () => consent;
export const recentProducts = () => recent;

/** Learn what the shop knows of this visitor, and link the session to the login where that is not done. */
export async function arrive() {
  let session = await call("/v1/session");
  if (isLoggedIn() && !session.linked) session = await call("/v1/session/link", { method: "POST" });
  recent = session.recently_viewed.map((view) => view.product_id).reverse().slice(-MOST_RECENT);
  consent = session.consent;
  tellPieces(session.cart.pieces);
  visit.dispatchEvent(new Event("consent"));
}

/** Begin anew as a guest: what the user had is not for whoever comes next. */
export async function leave() {
  await withSession(() => call("/v1/session", { method: "DELETE" }));
  await arrive();
}

export function remember(productId) {
  recent = [...recent.filter((id) => id !== productId), productId].slice(-MOST_RECENT);
}

export async function agree(analytics, marketing) {
  const body = { analytics, marketing };
  consent = await withSession(() => call("/v1/session/consent", { method: "PUT", body }));
  visit.dispatchEvent(new Event("consent"));
}

export async function showCart() {
  return seen(await withSession(() => call("/v1/session/cart")));
}

export async function addToCart(product_id, quantity) {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const body = { product_id, quantity };
  return seen(await withSession(() => call("/v1/session/cart/lines", { method: "POST", body, headers })));
}

/** Have exactly so many pieces; none takes the line out. */
export async function putInCart(productId, quantity) {
  const path = `/v1/session/cart/lines/${encodeURIComponent(productId)}`;
  return seen(await withSession(() => call(path, { method: "PUT", body: { quantity } })));
}

function seen(cart) {
  tellPieces(cart.pieces);
  return cart;
}

function tellPieces(number) {
  pieces = number;
  visit.dispatchEvent(new Event("cart"));
}

/** Run a request; where the session has ended, begin a new one and run it again. */
async function withSession(request) {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof Problem) || error.slug !== "session-ended") throw error;
    await call(isLoggedIn() ? "/v1/session/link" : "/v1/session", { method: "POST" });
    return request();
  }
}
