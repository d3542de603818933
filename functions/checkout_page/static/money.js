// Amounts in words of a locale. They are whole numbers of the currency's minor unit, and become
// text without ever being a fraction.

export function moneyOf(locale, currency, exponent) {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: currency.toUpperCase(),
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  return (minor) => {
    const digits = String(minor).padStart(exponent + 1, "0");
    const whole = digits.slice(0, digits.length - exponent);
    return format.format(exponent ? `${whole}.${digits.slice(-exponent)}` : whole);
  };
}
