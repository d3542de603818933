// An account in the United States as it is typed: routing number, account number, and its type.

const ROUTING_LENGTH = 9;
const ROUTING_WEIGHTS = [3, 7, 1, 3, 7, 1, 3, 7, 1];
// The Federal Reserve's districts, thrifts, electronic transactions, traveller's cheques.
const ROUTING_PREFIX = /^(0[1-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)/;
const ACCOUNT_LENGTH_MIN = 4;
const ACCOUNT_LENGTH_MAX = 17;
export const ACCOUNT_TYPES = ["CHECKING", "SAVINGS"];

export function readRoutingNumber(typed) {
  const value = typed.replace(/\D/g, "").slice(0, ROUTING_LENGTH);
  const problem = routingProblemOf(value);
  return { value, text: value, country: "US", problem, isOver: problem === "invalid" };
}

function routingProblemOf(value) {
  if (value === "") return "empty";
  if (value.length < ROUTING_LENGTH) return "incomplete";
  const sum = ROUTING_WEIGHTS.reduce((total, weight, place) => total + weight * value[place], 0);
  return sum % 10 === 0 && ROUTING_PREFIX.test(value) ? null : "invalid";
}

// It has no check digit: but for spaces and dashes nothing is left out unseen, which could make it
// somebody else's.
export function readAccountNumber(typed) {
  const value = typed.replace(/[\s-]/g, "");
  const problem = accountProblemOf(value);
  return { value, text: value, problem, isOver: problem === "invalid" };
}

function accountProblemOf(value) {
  if (value === "") return "empty";
  if (/[^0-9]/.test(value) || value.length > ACCOUNT_LENGTH_MAX) return "invalid";
  return value.length < ACCOUNT_LENGTH_MIN ? "incomplete" : null;
}

// `isGiven`: it stands there before anybody chooses.
export function readAccountType(chosen) {
  const value = ACCOUNT_TYPES.includes(chosen) ? chosen : ACCOUNT_TYPES[0];
  return { value, text: value, problem: null, isOver: false, isGiven: value === ACCOUNT_TYPES[0] };
}
