// What the frame can take: a card, or an account in one of two currencies. Its address says which.

import { account, CURRENCIES, namesOf } from "./account.js";
import { card, NAMES } from "./card.js";
import * as messages from "./messages.js";
import { ACCOUNT, CARD } from "./words.js";

const CARD_KIND = {
  what: "card",
  names: NAMES,
  words: CARD,
  fields: card,
  lacks: () => ({}),
  token: messages.cardToken,
};

const accountKind = (currency) => ({
  what: "account",
  names: namesOf(currency),
  words: ACCOUNT,
  fields: (...how) => account(currency, ...how),
  // Without the payer's word, for which the page stands, there is nothing to be debited by.
  lacks: ({ mandate_accepted }) => (mandate_accepted === true ? {} : { mandate_accepted: "empty" }),
  token: messages.accountToken,
});

// A card's if the address names no account: those of older loaders do not.
export const kindOf = (currency) => (CURRENCIES.includes(currency) ? accountKind(currency) : CARD_KIND);
