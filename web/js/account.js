// Who is logged in. The access token lives in this page's memory for its few minutes; the refresh token in a cookie
// that no script can read, so that all tabs share one login. What is stored here is only whether to ask for it.
// A login is announced once all that belongs to it is done, so that nobody acts on half of it.

import { answerTo, call, identity } from "./api.js";
import { Problem } from "./problem.js";

const KEPT = "logged-in"; // user id

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

/** Go on with the login that this browser has. */
export async function restore() {
  await identity.renew();
  if (localStorage.getItem(KEPT)) announce();
}

/** Get a token; `announce` makes a login of it. @throws {Problem} */
export async function logIn(email, password) {
  const body = { email, password, cookie: true };
  accept(await call("/v1/auth/login", { method: "POST", body, asGuest: true }));
}

/** Have a code mailed that shows whose an address is; returns where to show it. @throws {Problem} */
export function askForCode(person) {
  return call("/v1/guests", { method: "POST", body: { ...person, ...manners() }, asGuest: true });
}

/** Get a token for showing the code; `announce` makes a login of it. @throws {Problem} */
export async function showCode(verification_id, code) {
  const body = { verification_id, code, cookie: true };
  accept(await call("/v1/guests/verification", { method: "POST", body, asGuest: true }));
}

/** Make an account and get its token. @throws {Problem} */
export async function register(person) {
  const body = { ...person, ...manners() };
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  await call("/v1/users", { method: "POST", body, headers, asGuest: true });
  await logIn(person.email, person.password);
}

/** End the login, which only the shop can. @throws {Problem} */
export async function logOut() {
  try {
    await call("/v1/auth/logout", { method: "POST" });
  } catch (error) {
    if (error.status !== 401) throw error; // it is over already
  }
  forget();
}

/** Say whether suggestions may be mailed. @throws {Problem} */
export async function agreeToMail(marketing) {
  const me = await answerTo("/v1/users/me");
  if (!me.ok) throw await Problem.in(me);
  const headers = { "If-Match": me.headers.get("ETag") };
  await call("/v1/users/me", { method: "PATCH", body: { marketing }, headers });
}

function manners() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { language: navigator.language, time_zone: timeZone };
}

async function renew() {
  if (!localStorage.getItem(KEPT)) return false;
  try {
    accept(await call("/v1/auth/refresh", { method: "POST", body: {}, asGuest: true }));
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) forget();
    return false;
  }
}

function accept(granted) {
  token = granted.access_token;
  user = granted.user_id;
}

function forget() {
  token = user = null;
  announce(false);
}

/** Let the page, and other tabs, know who is there now. */
export function announce(isThere = true) {
  announced = isThere;
  if (!isThere) localStorage.removeItem(KEPT);
  else if (user) localStorage.setItem(KEPT, user);
  account.dispatchEvent(new Event("change"));
}

addEventListener("storage", ({ key }) => {
  if (key === KEPT || key === null) location.reload(); // somebody else is there now, by another tab
});
