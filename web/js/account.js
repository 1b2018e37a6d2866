// Who is logged in. The access token lives in this page's memory, the refresh token as long as the tab.
// A login is announced once all that belongs to it is done, so that nobody acts on half of it.

import { call, identity } from "./api.js";
import { Problem } from "./problem.js";

const KEPT = "refresh-token";

/** Fires `change` when somebody logs in or out. */
export const account = new EventTarget();

let token = null;
let user = null; // id, of the token
let announced = false;
let renewing = null;

identity.token = () => token;
identity.renew = () => (renewing ??= renew().finally(() => (renewing = null)));

/** Say whether a login was announced; it stays one while its token cannot be renewed for lack of an answer. */
export const isLoggedIn = () => announced;

/** Return the id of the user whose token there is. */
export const userId = () => user;

/** Go on with the login that this tab had before it was loaded anew. */
export async function restore() {
  if (!sessionStorage.getItem(KEPT)) return;
  await identity.renew();
  if (sessionStorage.getItem(KEPT)) announce();
}

/** Get tokens; `announce` makes a login of them. @throws {Problem} */
export async function logIn(email, password) {
  accept(await call("/v1/auth/login", { method: "POST", body: { email, password }, asGuest: true }));
}

/** Make an account and get its tokens. @throws {Problem} */
export async function register(person) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const body = { ...person, language: navigator.language, time_zone: timeZone };
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  await call("/v1/users", { method: "POST", body, headers, asGuest: true });
  await logIn(person.email, person.password);
}

/** End the login here and, if it can be reached, at the shop. */
export async function logOut() {
  await call("/v1/auth/logout", { method: "POST" }).catch(() => {});
  forget();
}

async function renew() {
  const refresh_token = sessionStorage.getItem(KEPT);
  if (!refresh_token) return false;
  try {
    accept(await call("/v1/auth/refresh", { method: "POST", body: { refresh_token }, asGuest: true }));
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) forget();
    return false;
  }
}

function accept(granted) {
  token = granted.access_token;
  user = granted.user_id;
  sessionStorage.setItem(KEPT, granted.refresh_token);
}

function forget() {
  token = user = null;
  sessionStorage.removeItem(KEPT);
  announce(false);
}

/** Let the page know who is there now. */
export function announce(isThere = true) {
  announced = isThere;
  account.dispatchEvent(new Event("change"));
}
