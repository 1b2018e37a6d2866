// The visitor's session: cart, consent, what was viewed. The browser keeps the session string in a cookie.
//
// Requests that carry the string go one after the other: a login replaces it and the first write makes it, so
// that one on its way meanwhile would come with the wrong one, and an older answer would arrive as the newest.

import { agreeToMail, announce, userId } from "./account.js";
import { call } from "./api.js";
import { Problem } from "./problem.js";

const MOST_RECENT = 20;

/** Fires `cart` and `consent` when they change. */
export const visit = new EventTarget();

let visitorId = null;
let pieces = 0;
let consent = { analytics: false, marketing: false, decided_at: null };
let recent = new Map(); // titles by product id, oldest view first
let mailAgreed = false; // by a guest, whose address is known only later
let last = Promise.resolve();

export const cartPieces = () => pieces;
export const consented = () => consent;
export const recentProducts = () => [...recent.keys()];
export const recentTitle = (id) => recent.get(id) ?? null;

/** Say whose a request is, where that may be counted. */
export const visitorHeaders = () => (consent.analytics && visitorId ? { "Visitor-Id": visitorId } : {});

/** Learn what the shop knows of this visitor, and link the session to the login where that is not done. */
export const arrive = () => inTurn(async () => {
  const session = await call("/v1/session");
  return learn(userId() && session.user_id !== userId() ? await begin() : session);
});

/** Log in; it shows once the session is the user's. @param {() => Promise} logIn Gets the tokens. */
export async function enter(logIn) {
  await logIn();
  await inTurn(async () => learn(await begin())).catch(() => {}); // the next load of the page links it
  if (mailAgreed) await agreeToMail(true).then(() => (mailAgreed = false), () => {});
  announce();
}

/** Begin anew as a guest: what the user had is not for whoever comes next. */
export const leave = () => inTurn(async () => {
  await call("/v1/session", { method: "DELETE" });
  learn(await call("/v1/session"));
});

/** Keep in mind what was looked at. */
export function remember(id, title) {
  recent.delete(id);
  recent.set(id, title);
  if (recent.size > MOST_RECENT) recent.delete(recent.keys().next().value);
}

/** @throws {Problem} */
export async function agree(analytics, marketing) {
  const body = { analytics, marketing };
  const given = await withSession(() => call("/v1/session/consent", { method: "PUT", body }));
  if (userId()) await agreeToMail(marketing);
  else mailAgreed = marketing;
  if (analytics && !visitorId) learn(await call("/v1/session"));
  tellConsent(given);
}

/** @throws {Problem} */
export async function showCart() {
  return seen(await withSession(() => call("/v1/session/cart")));
}

/** @throws {Problem} */
export async function addToCart(product_id, quantity, variant_id = undefined) {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const body = { product_id, variant_id, quantity };
  return seen(await withSession(() => call("/v1/session/cart/lines", { method: "POST", body, headers })));
}

/** Have exactly so many pieces; none takes the line out. @throws {Problem} */
export async function putInCart({ product_id, variant_id }, quantity) {
  const line = variant_id ? `${product_id}:${variant_id}` : product_id;
  const path = `/v1/session/cart/lines/${encodeURIComponent(line)}`;
  return seen(await withSession(() => call(path, { method: "PUT", body: { quantity } })));
}

function learn(session) {
  visitorId = session.visitor_id;
  const views = session.recently_viewed.slice(0, MOST_RECENT).reverse();
  recent = new Map(views.map((view) => [view.product_id, view.title]));
  tellConsent(session.consent);
  tellPieces(session.cart.pieces);
}

function seen(cart) {
  tellPieces(cart.pieces);
  return cart;
}

function tellPieces(number) {
  pieces = number;
  visit.dispatchEvent(new Event("cart"));
}

function tellConsent(given) {
  consent = given;
  visit.dispatchEvent(new Event("consent"));
}

/** Make sure of a live session, of the user where somebody is logged in. */
function begin() {
  return call(userId() ? "/v1/session/link" : "/v1/session", { method: "POST" });
}

/** Run a request in its turn; where the session has ended, begin a new one and run it again. */
function withSession(request) {
  return inTurn(async () => {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof Problem) || error.slug !== "session-ended") throw error;
      learn(await begin());
      return request();
    }
  });
}

function inTurn(work) {
  const mine = last.then(work);
  last = mine.catch(() => {});
  return mine;
}
