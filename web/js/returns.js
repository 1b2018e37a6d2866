// What was sent of an order, what comes back of it, and asking for that.

import { call } from "./api.js";
import { busy, field, h } from "./dom.js";
import { moment } from "./format.js";
import { alertOf } from "./problem.js";

const OVER = new Set(["refunded", "cancelled"]);
const TOLD = { asked: "Return asked for", accepted: "Returned", declined: "Return declined" };

/** Return where the parcels of an order are. */
export function parcels({ shipments }) {
  return shipments.map(({ carrier, tracking_number, shipped_at, delivered_at }) =>
    h("p", { class: "parcel" },
      delivered_at ? `Delivered ${moment(delivered_at)} by ${carrier}` : `Sent ${moment(shipped_at)} with ${carrier}`,
      tracking_number && `, tracking number ${tracking_number}`));
}

/** Return what has become of the order's returns. */
export function returned({ returns }) {
  return returns.map(({ state, asked_at, decided_at, note }) =>
    h("p", { class: "return" }, `${TOLD[state]} ${moment(decided_at ?? asked_at)}`, note && `: ${note}`));
}

/**
 * Return a form that asks for a return, null where there is nothing to return.
 *
 * @param {(order: Object) => void} done Gets the order as it is then.
 */
export function returnForm(order, done) {
  const lines = order.lines.map((line) => ({ ...line, left: left(order, line) })).filter((line) => line.left > 0);
  if (OVER.has(order.status) || !lines.length) return null;
  const button = h("button", {}, "Ask for a return");
  const form = h("form", {},
    lines.map((line) => field(`Pieces of ${line.title ?? "a product"}`,
      { name: line.variant_id ?? line.product_id, id: `${order.id}-${line.variant_id ?? line.product_id}`, type: "number", min: "0", max: String(line.left), value: "0", required: true })),
    field("Why", { name: "reason", id: `${order.id}-reason`, required: true, maxlength: "500" }),
    button);
  form.addEventListener("input", () => form.elements[0].setCustomValidity(""));
  const key = crypto.randomUUID();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector(".problem")?.remove();
    const [first] = form.elements;
    first.setCustomValidity(wanted(form, lines).length ? "" : "Say how many pieces.");
    if (!form.reportValidity()) return;
    busy(button, async () => {
      try {
        done(await ask(order, wanted(form, lines), form.elements.reason.value.trim(), key));
      } catch (error) {
        button.before(alertOf(error));
      }
    });
  });
  return h("details", { class: "returning" }, h("summary", {}, "Return something"), form);
}

function ask({ id }, lines, reason, key) {
  const headers = { "Idempotency-Key": key };
  return call(`/v1/orders/${encodeURIComponent(id)}/returns`, { method: "POST", body: { lines, reason }, headers });
}

function wanted(form, lines) {
  return lines
    .map(({ product_id, variant_id }) => ({ product_id, variant_id, quantity: Number(form.elements[variant_id ?? product_id].value) }))
    .filter(({ quantity }) => quantity > 0);
}

function left({ shipments, returns }, line) {
  const sent = pieces(shipments, line);
  return sent - pieces(returns.filter(({ state }) => state !== "declined"), line);
}

function pieces(parts, line) {
  const own = parts.flatMap(({ lines }) => lines).filter((each) => each.product_id === line.product_id && each.variant_id === line.variant_id);
  return own.reduce((sum, { quantity }) => sum + quantity, 0);
}
