// The cards that somebody has saved. Their numbers are the payment provider's: here is its token, and that only once.

import { call } from "./api.js";

const PATH = "/v1/users/me/payment-methods";
// A real provider's own script would take a card in and give this; its sandbox knows cards by how they begin.
const TEST_CARD = { brand: "visa", last_four: "4242", expires: "2040-12" };

/** Return the cards of whoever is logged in. @throws {Problem} */
export const savedCards = async () => (await call(PATH)).items;

/** Save a test card. @throws {Problem} */
export function saveTestCard() {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => String.fromCharCode(97 + (byte % 26)));
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  return call(PATH, { method: "POST", body: { ...TEST_CARD, token: `pm_visa${letters.join("")}` }, headers });
}

/** Forget a card, which may be gone already. @throws {Problem} */
export async function removeCard(id) {
  try {
    await call(`${PATH}/${encodeURIComponent(id)}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

/** Return how a card is called. */
export function cardName({ brand, last_four, expires }) {
  const name = brand.charAt(0).toUpperCase() + brand.slice(1);
  const [year, month] = expires.split("-");
  return `${name} ending in ${last_four} (${month}/${year.slice(2)})`;
}
