// The words of the frame, by kind, in the languages that it speaks.

import * as account from "./words/account.js";
import * as card from "./words/card.js";
import * as shared from "./words/shared.js";

const inEach = (own) => Object.fromEntries(
  Object.entries(shared).map(([lang, texts]) => [lang, { ...own[lang], ...texts }]),
);

export const CARD = inEach(card);
export const ACCOUNT = inEach(account);
