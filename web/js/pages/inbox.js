// The user's inbox; it grows while it is looked at.

import { busy, h, title } from "../dom.js";
import { moment } from "../format.js";
import { entries, inbox, markRead } from "../inbox.js";
import { alertOf } from "../problem.js";
import { listed } from "./listed.js";

export async function inboxPage() {
  const place = h("div", {});
  const fill = async () => place.replaceChildren(await listed(entries, entry, "Nothing here yet."));
  await fill();
  const refresh = () => {
    if (!place.isConnected) inbox.removeEventListener("arrived", refresh);
    else fill().catch(() => {}); // what is shown already stays
  };
  inbox.addEventListener("arrived", refresh);
  return { title: "Inbox", node: h("div", {}, title("Inbox"), place) };
}

function entry({ id, title: heading, body, link, created_at, read_at }) {
  const row = h("li", { class: `entry${read_at ? "" : " unread"}`, id },
    h("div", { class: "entry-head" }, h("h2", {}, heading), h("time", { datetime: created_at, class: "quiet" }, moment(created_at))),
    h("p", { class: "said" }, body),
    link && h("p", {}, h("a", { href: link }, "More about this")));
  if (!read_at) row.append(readButton(row, id, heading));
  return row;
}

function readButton(row, id, heading) {
  const button = h("button", { class: "plain", "aria-label": `Mark as read: ${heading}` }, "Mark as read");
  button.addEventListener("click", () => busy(button, async () => {
    try {
      await markRead(id);
      row.classList.remove("unread");
      button.remove();
    } catch (error) {
      row.append(alertOf(error));
    }
  }));
  return button;
}
