// Attention: which page is viewed and how long it is visible and used, told to the shop by those who agreed.
//
// A beacon has no answer, so everything that is known of a view goes along each time: events are taken once
// by their id and engaged time is a running total, so what got lost is made up for and nothing counts twice.

import { consented, visit } from "./visit.js";

const ADDRESS = "/v1/session/activity";
const FLUSH_EVERY = 15_000;
const TICK = 1_000;
const IDLE_AFTER = 30_000;
const MOST_NOTES = 50; // of one view; the shop takes 100 events at once
const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchstart", "focus"];

/** One view of one page. */
class View {
  constructor(page, productId) {
    this.id = crypto.randomUUID();
    this.about = productId ? { product_id: productId } : {};
    this.milliseconds = 0;
    this.told = 0;
    this.reports = 0;
    this.events = [{ ...this.event("viewed", "page_viewed"), ...this.about, view_id: this.id, page }];
    this.news = true;
  }

  event(suffix, type) {
    return { id: `${this.id}:${suffix}`, type, at: new Date().toISOString() };
  }

  note(type, members) {
    if (this.events.length > MOST_NOTES) return;
    this.events.push({ ...this.event(this.events.length, type), ...members });
    this.news = true;
  }

  /** Tell what is known of the view, if there is news. */
  report() {
    if (!this.news && this.milliseconds <= this.told) return;
    const events = [...this.events];
    if (this.milliseconds > this.told) events.push(this.engaged());
    if (navigator.sendBeacon(ADDRESS, JSON.stringify({ events }))) {
      this.told = this.milliseconds;
      this.news = false;
    }
  }

  engaged() {
    this.reports += 1;
    const event = this.event(`engaged-${this.reports}`, "page_engaged");
    return { ...event, ...this.about, view_id: this.id, milliseconds: this.milliseconds };
  }
}

let view = null;
let open = null; // what is on screen, whether or not it may be told
let lastSign = performance.now();
let lastTick = performance.now();

/** A page was opened; the one before it is over. @param {string} page A path. */
export function opened(page, productId = null) {
  tick();
  view?.report();
  open = { page, productId };
  lastSign = performance.now();
  begin();
}

/** Products were recommended on the page in view. */
export function shown(placement, productIds) {
  view?.note("recommendation_shown", { placement, product_ids: productIds });
  view?.report();
}

/** One of the recommended products was chosen. */
export function clicked(placement, productId) {
  view?.note("recommendation_clicked", { placement, product_id: productId });
}

function begin() {
  view = open && consented().analytics ? new View(open.page, open.productId) : null;
  view?.report();
}

function tick() {
  const now = performance.now();
  const passed = Math.min(now - lastTick, 2 * TICK); // a machine that slept was not used
  const isUsed = document.visibilityState === "visible" && now - lastSign < IDLE_AFTER;
  if (view && isUsed) view.milliseconds += Math.round(passed);
  lastTick = now;
}

/** Start to notice. */
export function watch() {
  for (const sign of SIGNS_OF_LIFE) {
    addEventListener(sign, () => (lastSign = performance.now()), { passive: true, capture: true });
  }
  setInterval(tick, TICK);
  setInterval(() => view?.report(), FLUSH_EVERY);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      tick();
      view?.report();
    }
    lastTick = performance.now();
  });
  visit.addEventListener("consent", () => {
    if (Boolean(view) !== consented().analytics) begin();
  });
}
