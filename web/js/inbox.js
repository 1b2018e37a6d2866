// The user's inbox: how many entries are unread, kept up to date by the shop's stream, else by asking.

import { account, isLoggedIn } from "./account.js";
import { answerTo, call, pause } from "./api.js";

const ASK_EVERY = 15_000;
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
  tell(Math.max(0, unread - 1), newest);
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
  let wait = SHORTEST_PAUSE;
  while (!signal.aborted) {
    const outcome = await listen(signal).catch(() => "broken");
    if (signal.aborted) return;
    await ask().catch(() => {});
    if (outcome === "heard") wait = SHORTEST_PAUSE;
    await pause(outcome === "absent" ? ASK_EVERY : wait, signal);
    wait = Math.min(2 * wait, LONGEST_PAUSE);
  }
}

/** Read the stream to its end. Returns `absent` where there is none, `heard` or `silent` where there was. */
async function listen(signal) {
  // EventSource cannot send an Authorization header.
  const answer = await answerTo("/v1/notifications/stream", { headers: { Accept: "text/event-stream" }, signal });
  if (!answer.ok || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) return "absent";
  await ask();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let outcome = "silent";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split(/\r?\n\r?\n/);
    rest = events.pop();
    if (events.some((event) => /^data:/m.test(event))) {
      outcome = "heard";
      await ask(); // whatever the event says, the list is the truth
    }
  }
  return outcome;
}

account.addEventListener("change", () => {
  following?.abort();
  following = null;
  if (!isLoggedIn()) return tell(0);
  following = new AbortController();
  ask().catch(() => {});
  follow(following.signal);
});
