// The user's inbox: how many entries are unread, told by the shop's stream; asked for while there is none.

import { account, isLoggedIn } from "./account.js";
import { answerTo, call, pause } from "./api.js";
import { events } from "./events.js";

const SILENCE = 45_000; // the shop shows a sign of life every 15 s
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** Fires `change` when the number of unread entries is another, `arrived` when there is a new entry. */
export const inbox = new EventTarget();

let unread = 0;
let newest = null; // id
let following = null;

export const unreadEntries = () => unread;

/** Return a page of the inbox, newest first. */
export async function entries(cursor = null) {
  const page = await call(`/v1/notifications?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  if (!cursor) tell(page.unread, page.items[0]?.id);
  return page;
}

export async function markRead(id) {
  const entry = await call(`/v1/notifications/${encodeURIComponent(id)}/read`, { method: "POST" });
  ask().catch(() => {}); // the stream tells it as well, if there is one
  return entry;
}

function tell(number, id = null) {
  const [before, known] = [unread, newest];
  [unread, newest] = [number, id];
  if (number !== before) inbox.dispatchEvent(new Event("change"));
  if (id !== known) inbox.dispatchEvent(new Event("arrived"));
}

async function ask() {
  const page = await call("/v1/notifications?limit=1", { tries: 1 });
  tell(page.unread, page.items[0]?.id);
}

/** Keep up to date until `signal` aborts. */
async function follow(signal) {
  const place = { last: null };
  let wait = SHORTEST_PAUSE;
  while (!signal.aborted) {
    const heard = await listen(place, signal).catch(() => false);
    if (signal.aborted) return;
    if (!heard) await ask().catch(() => {});
    wait = heard ? SHORTEST_PAUSE : Math.min(2 * wait, LONGEST_PAUSE);
    await pause(wait, signal);
  }
}

/** Read the stream to its end, from behind `place.last` on. Returns whether there was one. */
async function listen(place, signal) {
  const headers = { Accept: "text/event-stream", ...(place.last && { "Last-Event-ID": place.last }) };
  const answer = await answerTo("/v1/notifications/stream", { headers, signal });
  if (!answer.ok) {
    if (answer.status === 400) place.last = null;
    return false;
  }
  for await (const { event, data, id } of events(answer.body, SILENCE)) {
    if (signal.aborted) break;
    hear(event, JSON.parse(data));
    place.last = id;
  }
  return true;
}

function hear(event, { unread: number, entry }) {
  tell(number, entry?.id ?? newest);
  if (event === "reset") inbox.dispatchEvent(new Event("arrived"));
}

account.addEventListener("change", () => {
  following?.abort();
  following = null;
  if (!isLoggedIn()) return tell(0);
  following = new AbortController();
  follow(following.signal);
});
