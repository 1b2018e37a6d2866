// Requests to the shop: JSON in and out, problems as exceptions, what is safe to repeat is repeated.

import { Problem } from "./problem.js";

const MOST_TRIES = 4;
const LONGEST_WAIT = 5; // seconds
const LONGEST_ANSWER = 30_000; // milliseconds
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);

/** Knows the access token. Set by the account; without one, requests are those of a guest. */
export const identity = {
  token: () => null,
  /** Try to get a fresh token; resolves to whether there is one. */
  renew: async () => false,
};

/**
 * Return the body of the answer, null where it has none.
 *
 * @param {Object} options `method`, `body` (an object), `headers`, `signal`, `tries`; `asGuest`: the access
 *   token has no part in it.
 * @throws {Problem}
 */
export async function call(path, options = {}) {
  const { method = "GET", headers = {}, tries = MOST_TRIES } = options;
  const repeatable = REPEATABLE.has(method) || "Idempotency-Key" in headers;
  const answer = await repeated(() => answerTo(path, options), repeatable ? tries : 1);
  if (!answer.ok) throw await Problem.in(answer);
  return answer.status === 204 ? null : answer.json();
}

/** Return the answer to one request, after renewing the access token where that is what was missing. */
export async function answerTo(path, options = {}) {
  const answer = await send(path, options);
  const wantsToken = answer.status === 401 && answer.headers.has("WWW-Authenticate") && !options.asGuest;
  return wantsToken && (await identity.renew()) ? send(path, options) : answer;
}

async function send(path, { method = "GET", body, headers = {}, signal = AbortSignal.timeout(LONGEST_ANSWER), asGuest = false }) {
  const all = new Headers(headers);
  if (body !== undefined) all.set("Content-Type", "application/json");
  if (identity.token() && !asGuest) all.set("Authorization", `Bearer ${identity.token()}`);
  try {
    return await fetch(path, { method, headers: all, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    throw new Problem(0, { detail: signal.aborted ? "The shop took too long." : undefined });
  }
}

async function repeated(request, tries) {
  for (let left = tries; ; left -= 1) {
    const answer = await request().catch((problem) => problem);
    const passing = answer.status === 0 || answer.status === 502 || answer.status === 503;
    if (!passing || left <= 1) {
      if (answer instanceof Problem) throw answer;
      return answer;
    }
    await pause(Math.min(LONGEST_WAIT, Number(answer.headers?.get("Retry-After")) || 1) * 1000);
  }
}

/** Resolve after some milliseconds, earlier when `signal` aborts. */
export function pause(milliseconds, signal = null) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
