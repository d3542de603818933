// The fields that there are: how a page asks for them, what it may say, and what it is told.

const CURRENCIES = ["eur", "usd"];

export const CARD = {
  call: "cardFields",
  frameName: "farthing-card-fields",
  title: "Card details",
  options: [],
  details: ["name", "billing_address"],
  told: "brand",
  check() {},
};

export const ACCOUNT = {
  call: "accountFields",
  frameName: "farthing-account-fields",
  title: "Bank account",
  options: ["currency"],
  details: ["mandate_accepted", "billing_address"],
  told: "country",
  check({ currency }) {
    if (CURRENCIES.includes(currency)) return;
    throw new TypeError(`accountFields: currency is one of ${CURRENCIES.join(", ")}`);
  },
};
