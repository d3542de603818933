// The fields of a bank account together: an IBAN, or what an account in the United States has.

import { readAccountNumber, readAccountType, readRoutingNumber } from "./ach.js";
import { ANYTHING, LETTER_OR_DIGIT } from "./caret.js";
import { field } from "./field.js";
import { group } from "./group.js";
import { readIban } from "./iban.js";

const READ = {
  eur: { iban: readIban, holder_name: readHolder },
  usd: {
    routing_number: readRoutingNumber,
    account_number: readAccountNumber,
    account_type: readAccountType,
    holder_name: readHolder,
  },
};
const KEPT = { iban: LETTER_OR_DIGIT, account_number: /[^\s-]/, holder_name: ANYTHING };

export const CURRENCIES = Object.keys(READ);
export const namesOf = (currency) => Object.keys(READ[currency]);

export function readHolder(typed) {
  const value = typed.trim();
  return { value, text: typed, problem: value === "" ? "empty" : null, isOver: false };
}

export function account(currency, form, words, onChange) {
  const told = {
    onTyped() {
      all.forgive();
      onChange();
    },
    onLeft: onChange,
  };
  const fields = Object.entries(READ[currency]).map(
    ([name, read]) => field(form, name, read, words, told, KEPT[name]),
  );
  const all = group(fields);
  return {
    ...all,
    state: () => ({ ...all.state(), country: fields[0].now.country }),
    // What is sent to the server, and to nobody else. The payer agrees now; from where, the server
    // sees by itself.
    body: ({ billing_address }) => ({
      type: "BANK",
      ...Object.fromEntries(fields.map(({ name, now }) => [name, now.value])),
      mandate: { accepted_at: new Date().toISOString() },
      billing_address,
    }),
  };
}
