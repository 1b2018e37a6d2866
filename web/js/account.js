// Who is logged in. The access token lives in this page's memory, the refresh token as long as the tab.

import { call, identity } from "./api.js";
import { Problem } from "./problem.js";

const KEPT = "refresh-token";

/** Fires `change` when somebody logs in or out. */
export const account = new EventTarget();

let token = null;
let loggedIn = false; // also while the token is being renewed
let renewing = null;

identity.token = () => token;
identity.renew = () => (renewing ??= renew().finally(() => (renewing = null)));

export function isLoggedIn() {
  return loggedIn;
}

/** Go on with the login that this tab had before it was loaded anew. */
export async function restore() {
  if (sessionStorage.getItem(KEPT)) await identity.renew();
}

/** @throws {Problem} */
export async function logIn(email, password) {
  accept(await call("/v1/auth/login", { method: "POST", body: { email, password }, asGuest: true }));
}

/** Make an account and log in. @throws {Problem} */
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
  sessionStorage.setItem(KEPT, granted.refresh_token);
  tell(true);
}

function forget() {
  token = null;
  sessionStorage.removeItem(KEPT);
  tell(false);
}

function tell(now) {
  const isNews = now !== loggedIn;
  loggedIn = now;
  if (isNews) account.dispatchEvent(new Event("change"));
}
