// How money, times and states are written for people.

const moneyFormats = new Map();

function moneyFormat(currency) {
  if (!moneyFormats.has(currency)) {
    moneyFormats.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency }));
  }
  return moneyFormats.get(currency);
}

/** @param {{amount: number, currency: string}} value `amount` is in the currency's minor unit. */
export function money(value) {
  const format = moneyFormat(value.currency);
  return format.format(value.amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {string} text RFC 3339. */
export function moment(text) {
  return moments.format(new Date(text));
}

/** Return a number with its noun: `1 product`, `2 products`. */
export function count(number, one, more = `${one}s`) {
  return `${number} ${number === 1 ? one : more}`;
}

/** Return a status such as `partly_refunded` as words. */
export function words(status) {
  const text = status.replaceAll(/[_-]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
