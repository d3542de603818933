// The month to the end of which a card is good, as it is typed: MM / YY, or with all four digits
// of the year. Whatever fills it in may write 12/2030 or 2030-12 as well.

const YEARS_AHEAD_MAX = 20;
const ISO_MONTH = /^\s*(\d{4})-(\d{2})\s*$/;
const SHORT_MONTH = /^\s*(\d)\s*[/.-]/;
const SEPARATOR = " / ";

// {digits, text, month, year, problem}: problem is null, or "empty", "incomplete", "invalid",
// "expired". Like the server, it counts months in UTC.
export function readExpiry(typed, now) {
  const digits = digitsOf(typed);
  const [month, year] = [digits.slice(0, 2), digits.slice(2)];
  const text = digits.length < 2 ? digits : month + SEPARATOR + year;
  const problem = problemOf(month, year, now);
  const when = problem ? {} : { month: Number(month), year: fullYear(year) };
  return { digits, text, ...when, problem, isOver: problem === "invalid" || problem === "expired" };
}

function digitsOf(typed) {
  const iso = ISO_MONTH.exec(typed);
  let digits = iso ? iso[2] + iso[1] : typed.replace(/\D/g, "");
  const isOneDigit = SHORT_MONTH.test(typed) || /^[2-9]/.test(digits) || /^1[3-9]/.test(digits);
  if (isOneDigit) digits = `0${digits}`;
  return digits.slice(0, startsCentury(digits.slice(2)) ? 6 : 4);
}

// Nobody's card ended in 2020 and still pays: who types 20 goes on with two more digits.
const startsCentury = (year) => year.startsWith("20");

function problemOf(month, year, now) {
  if (month === "") return "empty";
  if (month === "00") return "invalid";
  if (month.length < 2 || ![2, 4].includes(year.length) || year === "20") return "incomplete";
  const monthsLeft = (fullYear(year) - now.getUTCFullYear()) * 12
    + Number(month) - 1 - now.getUTCMonth();
  if (monthsLeft < 0) return "expired";
  return monthsLeft > YEARS_AHEAD_MAX * 12 ? "invalid" : null;
}

const fullYear = (year) => Number(year.length === 2 ? `20${year}` : year);
